// Bytes that move within the card's memory.

namespace longform::card {

struct alignas(16) SixteenBytes {
  uint64_t first, second;
};

template <typename Word>
CARD void copy_words(const kernels_piece &piece) {
  const Word *from = reinterpret_cast<const Word *>(piece.from);
  Word *to = reinterpret_cast<Word *>(piece.to);
  const int64_t count = piece.bytes / static_cast<int64_t>(sizeof(Word));
  for (int64_t i = thread_of_block(); i < count; i += kThreads) to[i] = from[i];
}

// Blocks: a piece. Words as wide as its places and its length allow.
CARD_KERNEL(card_copy, CopyArgs) {
  const kernels_piece piece = args.pieces[block_x()];
  const uint64_t odd = reinterpret_cast<uintptr_t>(piece.from) | reinterpret_cast<uintptr_t>(piece.to) |
                       static_cast<uint64_t>(piece.bytes);
  if (odd % 16 == 0) {
    copy_words<SixteenBytes>(piece);
  } else if (odd % 4 == 0) {
    copy_words<uint32_t>(piece);
  } else {
    copy_words<uint8_t>(piece);
  }
}

}  // namespace longform::card
