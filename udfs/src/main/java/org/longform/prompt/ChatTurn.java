package org.longform.prompt;

import java.util.List;

/**
 * A chat template rendered around what the user says.
 *
 * @param prefix what precedes it, a system message included
 * @param end what follows it, up to where the answer begins
 */
record ChatTurn(List<Piece> prefix, String end) {
  ChatTurn {
    prefix = List.copyOf(prefix);
  }
}
