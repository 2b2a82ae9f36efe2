package org.longform.kernels.quantise;

import java.util.Optional;
import org.longform.kernels.tensor.DType;

/**
 * How a quantised matrix is stored.
 *
 * @param dtype a type of blocks that holds its levels and scales exactly, else F16
 * @param whyPlain why it is F16, as part of a sentence; empty if it is not
 */
public record Storage(DType dtype, Optional<String> whyPlain) {
  static Storage exact(DType dtype) {
    return new Storage(dtype, Optional.empty());
  }

  static Storage plain(String why) {
    return new Storage(DType.F16, Optional.of(why));
  }
}
