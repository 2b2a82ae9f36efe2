// Memory of an emulated card: the host cannot touch it but while the card works. It begins as NaN, and sanitizers see who
// reads beyond a piece.
#pragma once

#include <stdint.h>

#include <map>
#include <mutex>

namespace longform::card {

class EmulatedMemory {
 public:
  EmulatedMemory();
  EmulatedMemory(const EmulatedMemory &) = delete;
  EmulatedMemory &operator=(const EmulatedMemory &) = delete;
  ~EmulatedMemory();

  // Aligned to a page; NaN when it is opened next.
  void *allocate(int64_t bytes);
  // Of a piece that nobody uses any more.
  void release(void *memory);

  // Copies bytes of a piece to the host.
  void read(void *to, const void *from, int64_t bytes);

  // While one of these is there, this memory can be read and written.
  class Open {
   public:
    explicit Open(EmulatedMemory &memory) : memory_(memory) { memory_.open(); }
    Open(const Open &) = delete;
    Open &operator=(const Open &) = delete;
    ~Open() { memory_.close(); }

   private:
    EmulatedMemory &memory_;
  };

 private:
  void open();
  void close();

  std::mutex busy_;
  char *begin_;
  int64_t used_ = 0;
  std::map<char *, int64_t> taken_;      // bytes of each piece, whole pages
  std::multimap<int64_t, char *> free_;  // the same of pieces that were released
  std::map<char *, int64_t> fresh_;      // bytes of pieces that are not NaN yet
};

}  // namespace longform::card
