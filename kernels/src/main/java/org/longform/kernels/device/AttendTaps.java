package org.longform.kernels.device;

import org.longform.kernels.attention.ColumnMass;
import org.longform.kernels.attention.HeadMass;
import org.longform.kernels.tensor.Tensor;

/** What an attention call reports beside its output. Each is computed only when asked for. */
public final class AttendTaps {
  public static final AttendTaps NONE = new AttendTaps(null, null, null, null);

  /** The token that a row holds for a query head. */
  public interface TokenOfRow {
    long token(int head, long row);
  }

  private final Tensor logSumExp;
  private final ColumnMass columnMass;
  private final HeadMass headMass;
  private final TokenOfRow tokens;

  private AttendTaps(
      Tensor logSumExp, ColumnMass columnMass, HeadMass headMass, TokenOfRow tokens) {
    this.logSumExp = logSumExp;
    this.columnMass = columnMass;
    this.headMass = headMass;
    this.tokens = tokens;
  }

  /**
   * Log of the sum of the exponentials of the scaled logits into {@code target} (T, H); -∞ where a
   * query sees nothing.
   */
  public AttendTaps withLogSumExp(Tensor target) {
    return new AttendTaps(target, columnMass, headMass, tokens);
  }

  public AttendTaps withColumnMass(ColumnMass target) {
    return new AttendTaps(logSumExp, target, headMass, tokens);
  }

  /** What is reported for each head is summed for {@link #withColumnMass}, if both are wanted. */
  public AttendTaps withHeadMass(HeadMass target) {
    return new AttendTaps(logSumExp, columnMass, target, tokens);
  }

  /**
   * Who is told of columns hears of tokens in place of rows, where the rows of heads hold different
   * ones; who is told of heads still hears of rows.
   */
  public AttendTaps withTokens(TokenOfRow of) {
    return new AttendTaps(logSumExp, columnMass, headMass, of);
  }

  public boolean wantsLogSumExp() {
    return logSumExp != null;
  }

  /** Whether any mass is wanted. */
  public boolean wantsMass() {
    return columnMass != null || headMass != null;
  }

  /** Whether mass is wanted for each head. */
  public boolean wantsHeadMass() {
    return headMass != null || (columnMass != null && tokens != null);
  }

  /** Only if {@link #wantsLogSumExp}. */
  public Tensor logSumExp() {
    return logSumExp;
  }

  /** Tells the mass of a token summed over heads, if {@link #wantsHeadMass} is false. */
  public void mass(long row, float mass) {
    columnMass.add(row, mass);
  }

  /** Tells the mass of a token from one head, if {@link #wantsHeadMass}. */
  public void mass(int segment, int head, long row, float mass) {
    if (headMass != null) {
      headMass.add(segment, head, row, mass);
    }
    if (columnMass != null) {
      columnMass.add(tokens == null ? row : tokens.token(head, row), mass);
    }
  }
}
