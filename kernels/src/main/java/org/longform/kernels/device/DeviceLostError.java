package org.longform.kernels.device;

/**
 * A device answers nothing any more in this process, whatever it is asked: an error of the machine
 * and not of a document. Spark ends an executor that throws one and starts another.
 */
public final class DeviceLostError extends VirtualMachineError {
  private static final long serialVersionUID = 1;

  public DeviceLostError(String message) {
    super(message);
  }
}
