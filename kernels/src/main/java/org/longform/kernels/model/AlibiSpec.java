package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.attention.PositionEncoding;

/**
 * Linear biases (Press et al. 2022): no rotation, and each head likes near tokens by a slope of its
 * own.
 *
 * @param slopes of each query head
 */
public record AlibiSpec(List<Double> slopes) implements PositionSpec {
  public AlibiSpec {
    slopes = List.copyOf(slopes);
  }

  /**
   * The published slopes: {@code 2^(-most * i / n)} for i from 1 to n heads. Where n is no power of
   * two, those of the next power are taken, every second one first.
   *
   * @param most the largest exponent, usually 8
   */
  public static AlibiSpec of(int heads, double most) {
    int power = Integer.highestOneBit(heads);
    power = power == heads ? heads : 2 * power;
    List<Double> slopes = new ArrayList<>();
    for (int from : new int[] {power == heads ? 1 : 2, 1}) {
      for (int i = from; i <= power && slopes.size() < heads; i += power == heads ? 1 : 2) {
        slopes.add(Math.pow(2, -most * i / power));
      }
    }
    return new AlibiSpec(slopes);
  }

  @Override
  public PositionEncoding encoding(long length) {
    return new PositionEncoding.Alibi(slopes.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
