package org.longform.kernels.error;

/**
 * A failure told as a sentence: "Cannot X: why (value). Remedy." with the class of the error beside
 * it.
 */
public final class LongformException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorClass errorClass;

  public LongformException(ErrorClass errorClass, String message) {
    super(message);
    this.errorClass = errorClass;
  }

  public LongformException(ErrorClass errorClass, String message, Throwable cause) {
    super(message, cause);
    this.errorClass = errorClass;
  }

  public ErrorClass errorClass() {
    return errorClass;
  }
}
