// What a daemon that holds a store lets those know who want it too: by the name of its process,
// which everybody can read and ps(1) shows.
#pragma once

#include <string>

#include "journal/status.h"

namespace rangefs {

// What this process does with its store.
enum class Holding {
  kMounted,   // "rangefs": mounted, or about to be, or closing the store
  kDetached,  // "rangefs:detach": detached (umount -l) while files are open
};
void show(Holding holding);

// What is to be made of a store that is locked.
struct Holder {
  bool leaves = false;  // it is closing the store, so that waiting helps
  range::Error error;   // says who it is
};
// `locked` is what opening `store` answered.
Holder holder_of(const range::Error& locked, const std::string& store);

// Tells when a mount is not to be seen any more, though its daemon may go on.
class MountWatch {
 public:
  // Answered by the daemon of that mount, which must be serving.
  explicit MountWatch(const std::string& mountpoint);
  ~MountWatch();
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;

  // Has POLLPRI when mounts changed since attached() was called; -1 if that cannot be watched.
  int fd() const { return fd_; }
  // Whether it is still mounted somewhere, as far as this process can see.
  bool attached();

 private:
  int fd_;
  std::string device_;
};

}  // namespace rangefs
