package org.longform.hub;

import java.io.IOException;

/**
 * The hub could not be asked, or would not answer now. What is in the cache may do instead. The
 * message is a part of a sentence: why.
 */
final class HubUnreachable extends IOException {
  private static final long serialVersionUID = 1L;

  HubUnreachable(String why, Throwable cause) {
    super(why, cause);
  }

  HubUnreachable(String why) {
    super(why);
  }
}
