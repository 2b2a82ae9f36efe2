package org.longform.kernels.device;

import org.longform.kernels.attention.ColumnMass;
import org.longform.kernels.tensor.Tensor;

/** What an attention call reports beside its output. Each is computed only when asked for. */
public final class AttendTaps {
  public static final AttendTaps NONE = new AttendTaps(null, null);

  private final Tensor logSumExp;
  private final ColumnMass columnMass;

  private AttendTaps(Tensor logSumExp, ColumnMass columnMass) {
    this.logSumExp = logSumExp;
    this.columnMass = columnMass;
  }

  /**
   * Log of the sum of the exponentials of the scaled logits into {@code target} (T, H); -∞ where a
   * query sees nothing.
   */
  public AttendTaps withLogSumExp(Tensor target) {
    return new AttendTaps(target, columnMass);
  }

  public AttendTaps withColumnMass(ColumnMass target) {
    return new AttendTaps(logSumExp, target);
  }

  public boolean wantsLogSumExp() {
    return logSumExp != null;
  }

  public boolean wantsColumnMass() {
    return columnMass != null;
  }

  /** Only if {@link #wantsLogSumExp}. */
  public Tensor logSumExp() {
    return logSumExp;
  }

  /** Only if {@link #wantsColumnMass}. */
  public ColumnMass columnMass() {
    return columnMass;
  }
}
