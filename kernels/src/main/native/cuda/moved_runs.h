// Runs of a cache whose rows are copied from the host to the card, or from the card to the host.
#pragma once

#include <algorithm>
#include <vector>

#include "../kernels.h"

namespace longform::card {

// The runs with the addresses of copies where `elsewhere(key)`; each page of those is copied once, by
// `copy(from, bytes)`, which answers where the copy lies.
template <typename Elsewhere, typename Copy>
std::vector<kernels_run> moved_runs(const kernels_kv_layout &layout, const kernels_run *runs, int64_t count,
                                    Elsewhere elsewhere, Copy copy) {
  struct Span {
    const char *from;
    const char *to;
    const char *copy;
  };
  const int64_t beyond = (layout.kv_heads - 1) * layout.head_stride + layout.value_stride;
  std::vector<kernels_run> moved(runs, runs + count);
  std::vector<kernels_run *> away;
  for (kernels_run &run : moved) {
    if (elsewhere(run.key)) away.push_back(&run);
  }
  std::sort(away.begin(), away.end(), [](const kernels_run *a, const kernels_run *b) { return a->key < b->key; });
  std::vector<Span> pages;
  for (const kernels_run *run : away) {
    const char *end = run->key + beyond + run->count * layout.row_bytes;
    // what lies between two pages may be nobody's
    if (!pages.empty() && run->key < pages.back().to) {
      pages.back().to = std::max(pages.back().to, end);
    } else {
      pages.push_back({run->key, end, nullptr});
    }
  }
  for (Span &page : pages) page.copy = copy(page.from, page.to - page.from);
  auto page = pages.begin();
  for (kernels_run *run : away) {
    while (run->key >= page->to) ++page;
    run->key = page->copy + (run->key - page->from);
  }
  return moved;
}

}  // namespace longform::card
