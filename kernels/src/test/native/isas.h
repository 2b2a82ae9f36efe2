// Which instruction sets a test is of: all that are here, or the one that its first argument names.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels.h"

inline std::vector<int32_t> isas_of(int count, char **arguments) {
  std::vector<int32_t> isas;
  for (int32_t isa = 0; isa < kernels_isa_count(); isa++) {
    if (kernels_isa_missing(isa) != nullptr) continue;
    if (count < 2 || std::strcmp(arguments[1], kernels_isa_name(isa)) == 0) isas.push_back(isa);
  }
  if (isas.empty()) {
    std::printf("Cannot test: no such instruction set is here (%s).\n", count < 2 ? "any" : arguments[1]);
    std::exit(1);
  }
  return isas;
}
