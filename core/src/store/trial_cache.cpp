#include "store/trial_cache.h"

#include <deneb/io/files.h>

#include <chrono>
#include <thread>

#include "store/sqlite_database.h"

namespace deneb::detail {
namespace {

constexpr std::int64_t kApplicationId = 0x446e6563;  // "Dnec"
constexpr std::int64_t kVersion = 1;
constexpr int kAttempts = 20;  // to open; another process may be making the file
constexpr auto kPause = std::chrono::milliseconds(50);

constexpr const char* kSchema = R"sql(
CREATE TABLE trials (key TEXT PRIMARY KEY, result TEXT NOT NULL) WITHOUT ROWID;
PRAGMA application_id = 1148085603;
PRAGMA user_version = 1;
)sql";
static_assert(kApplicationId == 1148085603 && kVersion == 1, "keep the text above in step");

}  // namespace

struct TrialCache::Impl {
  explicit Impl(const std::string& path) : database(path, /*read_only=*/false) {
    database.integer("PRAGMA journal_mode = WAL");
    SqliteTransaction transaction(database, SqliteTransaction::Durability::kProcess);
    const bool empty = database.integer("SELECT count(*) FROM sqlite_master") == 0;
    if (empty) database.execute(kSchema);
    if (database.integer("PRAGMA application_id") != kApplicationId ||
        database.integer("PRAGMA user_version") != kVersion) {
      throw DataError(path + ": is no cache of trials of this Deneb");
    }
    transaction.commit();
  }
  SqliteDatabase database;
};

TrialCache::TrialCache(std::string folder, std::function<void(const std::string&)> warn)
    : folder_(std::move(folder)), warn_(std::move(warn)) {
  guarded([&] {
    make_directories(folder_);
    for (int attempt = 1; !impl_; ++attempt) {
      try {
        impl_ = std::make_unique<Impl>(folder_ + "/trials.sqlite");
      } catch (const RunError&) {
        if (attempt == kAttempts) throw;
        std::this_thread::sleep_for(kPause);
      }
    }
  });
}

TrialCache::~TrialCache() = default;

std::optional<nlohmann::json> TrialCache::find(const std::string& key) {
  std::optional<nlohmann::json> result;
  if (!impl_) return result;
  guarded([&] {
    SqliteStatement statement(impl_->database, "SELECT result FROM trials WHERE key = ?");
    statement.bind(key);
    if (!statement.step()) return;
    auto json = nlohmann::json::parse(statement.text(0), nullptr, false);
    if (!json.is_discarded()) result = std::move(json);
  });
  return result;
}

void TrialCache::add(const std::string& key, const nlohmann::json& result) {
  if (!impl_) return;
  guarded([&] {
    SqliteTransaction transaction(impl_->database, SqliteTransaction::Durability::kProcess);
    SqliteStatement statement(impl_->database, "INSERT OR REPLACE INTO trials VALUES (?, ?)");
    statement.bind(key).bind(result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    statement.run();
    transaction.commit();
  });
}

void TrialCache::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error&) {
    impl_.reset();
    warn_("cache " + folder_ +
          ": is damaged or cannot be used, the run goes on without it; remove the folder to begin "
          "a new one");
  }
}

}  // namespace deneb::detail
