package org.longform.hub;

import java.io.IOException;

/**
 * The hub, or who speaks for it, answered what it must not. Asking again would not help. The
 * message is a part of a sentence: what it did.
 */
final class HubMisbehaved extends IOException {
  private static final long serialVersionUID = 1L;

  HubMisbehaved(String what) {
    super(what);
  }
}
