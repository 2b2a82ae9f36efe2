package org.longform.kernels.error;

/** What went wrong, in one word that a program can act on. The sentence beside it is for people. */
public enum ErrorClass {
  INVALID_OPTION,
  INVALID_MODEL,
  UNSUPPORTED_MODEL,
  INVALID_PLAN,
  DEVICE_UNAVAILABLE,
  INVALID_INPUT,
  MALFORMED_DOCUMENT,
  EMPTY_DOCUMENT,
  TEMPLATE_ERROR,
  OUT_OF_MEMORY,
  CANCELLED,
  CRASHED,
  ROW_TIMEOUT,
  INTERNAL
}
