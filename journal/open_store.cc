// Chooses the storage of a store. The only place above the API that knows any.

#include <boost/filesystem/operations.hpp>
#include <utility>

#include "journal/env/env.h"
#include "journal/guarded_store.h"
#include "journal/local/local_store.h"
#include "journal/store.h"

namespace range {

Result<std::unique_ptr<Store>> open_store(const boost::filesystem::path& path,
                                          const StoreOptions& options) {
  // The environment follows no symbolic links; somebody who names a store may.
  boost::system::error_code unresolved;
  const boost::filesystem::path resolved = boost::filesystem::weakly_canonical(path, unresolved);
  auto store = LocalStore::open(posix_env(), unresolved ? path : resolved, options);
  if (!store) return std::move(store).error();
  return std::unique_ptr<Store>(std::make_unique<GuardedStore>(*std::move(store), path.string()));
}

}  // namespace range
