#include <deneb/store/trial_store.h>

#include <ctime>
#include <iterator>
#include <mutex>

#include "store/sqlite_database.h"

namespace deneb {
namespace {

using detail::SqliteDatabase;
using detail::SqliteStatement;
using detail::SqliteTransaction;
using nlohmann::ordered_json;
using Durability = SqliteTransaction::Durability;

// Marks the file as ours ("Dneb") and tells its layout. A change of the layout raises the version;
// newer files are refused, older ones are to be converted in prepare().
constexpr std::int64_t kApplicationId = 0x446e6562;
constexpr std::int64_t kSchemaVersion = 3;

constexpr const char* kSchema = R"sql(
CREATE TABLE steps (
  position INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of the first begin
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  started TEXT NOT NULL,
  finished TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  info TEXT NOT NULL DEFAULT '{}');
CREATE TABLE retries (
  step TEXT PRIMARY KEY REFERENCES steps(name) ON DELETE CASCADE,
  first INTEGER NOT NULL);  -- id of a trial
CREATE TABLE trials (
  step TEXT NOT NULL REFERENCES steps(name) ON DELETE CASCADE,
  id INTEGER NOT NULL,
  status TEXT NOT NULL,
  seed INTEGER NOT NULL,  -- 64 bits, to be read as unsigned
  origin TEXT NOT NULL,
  encoding TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  policy TEXT NOT NULL,
  metrics TEXT NOT NULL DEFAULT '{}',
  message TEXT NOT NULL DEFAULT '',
  seconds REAL DEFAULT 0,
  front INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (step, id));
CREATE TABLE epochs (
  step TEXT NOT NULL,
  trial INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  lr REAL, train_loss REAL, seconds REAL, penalty REAL DEFAULT 0,
  metrics TEXT NOT NULL,
  PRIMARY KEY (step, trial, epoch),
  FOREIGN KEY (step, trial) REFERENCES trials(step, id) ON DELETE CASCADE);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  time TEXT NOT NULL, step TEXT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);
PRAGMA application_id = 1148085602;
PRAGMA user_version = 3;
)sql";
// From version 1, which knew no penalties, and from version 2, which knew no second tries.
constexpr const char* kConversions[] = {
    "ALTER TABLE epochs ADD COLUMN penalty REAL DEFAULT 0; PRAGMA user_version = 2;",
    "CREATE TABLE retries (step TEXT PRIMARY KEY REFERENCES steps(name) ON DELETE CASCADE, "
    "first INTEGER NOT NULL); PRAGMA user_version = 3;"};
constexpr std::int64_t kOldestReadable = 2;  // without a conversion
static_assert(kApplicationId == 1148085602 && kSchemaVersion == 3, "keep the texts above in step");
static_assert(std::size(kConversions) == kSchemaVersion - 1, "one from every older version");

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// A NaN becomes null, and bytes that are no UTF-8 (an error text of some library) become U+FFFD:
// the record of a trial must not fail because of its message.
std::string to_text(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json from_text(const std::string& text, const SqliteDatabase& database) {
  auto json = ordered_json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw RunError(database.path() +
                   ": holds damaged JSON; restore it from a copy, or start a new task");
  }
  return json;
}

std::string place(const std::string& step, std::int64_t id) {
  return "trial " + std::to_string(id) + " of step '" + step + "'";
}

// What add_work() records stands in the column of the info, under a key that no info may have.
constexpr const char* kWork = " work";

std::optional<StepWork> work_of(const ordered_json& info) {
  if (!info.is_object() || !info.contains(kWork)) return std::nullopt;
  const ordered_json& work = info[kWork];
  return StepWork{work.value("seconds", 0.0), work.value("training_samples", std::int64_t{0}),
                  work.value("evaluation_samples", std::int64_t{0})};
}

void put_work(const StepWork& work, ordered_json& info) {
  info[kWork] = {{"seconds", work.seconds},
                 {"training_samples", work.training_samples},
                 {"evaluation_samples", work.evaluation_samples}};
}

constexpr const char* kStepColumns = "name, type, status, started, finished, message, info";

StepRow read_step(const SqliteStatement& s, const SqliteDatabase& database) {
  StepRow row;
  row.name = s.text(0);
  row.type = s.text(1);
  row.status = s.text(2);
  row.started = s.text(3);
  row.finished = s.text(4);
  row.message = s.text(5);
  row.info = from_text(s.text(6), database);
  row.work = work_of(row.info);
  if (row.work) row.info.erase(kWork);
  return row;
}

constexpr const char* kTrialColumns =
    "step, id, status, seed, origin, encoding, fingerprint, policy, metrics, message, seconds, "
    "front, attempts";

ResultRow read_trial(const SqliteStatement& s, const SqliteDatabase& database) {
  ResultRow row;
  row.step = s.text(0);
  row.id = s.integer(1);
  row.status = s.text(2);
  row.seed = static_cast<std::uint64_t>(s.integer(3));
  row.origin = s.text(4);
  row.encoding = s.text(5);
  row.fingerprint = s.text(6);
  row.policy = from_text(s.text(7), database);
  row.metrics = from_text(s.text(8), database);
  row.message = s.text(9);
  row.seconds = s.real(10);
  row.front = s.integer(11) != 0;
  row.attempts = static_cast<int>(s.integer(12));
  return row;
}

std::string select(const char* columns, const char* rest) {
  return std::string("SELECT ") + columns + " FROM " + rest;
}

}  // namespace

struct TrialStore::Impl {
  Impl(const std::string& path, bool read_only) : read_only(read_only), database(path, read_only) {
    prepare();
  }

  void prepare() {
    const std::int64_t version = check_format();
    if (read_only) return;
    // Where the file system cannot do WAL (no shared memory), SQLite stays with its rollback
    // journal: just as safe, but readers and the writer may wait for each other.
    database.integer("PRAGMA journal_mode = WAL");
    database.execute("PRAGMA foreign_keys = ON");
    if (version > 0 && version < kSchemaVersion) {
      SqliteTransaction transaction(database, Durability::kPower);
      for (std::int64_t known = check_format(); known < kSchemaVersion; ++known) {
        database.execute(kConversions[known - 1]);
      }
      transaction.commit();
    }
    if (version != 0) return;
    // All tables and the version, or nothing: a kill in between leaves an empty database, which
    // the next start fills.
    SqliteTransaction transaction(database, Durability::kPower);
    if (check_format() == 0) database.execute(kSchema);
    transaction.commit();
  }

  /// Version of the layout, 0 for an empty database; RunError for any other file.
  std::int64_t check_format() {
    const std::int64_t version = database.integer("PRAGMA user_version");
    const bool ours = database.integer("PRAGMA application_id") == kApplicationId;
    const bool empty = database.integer("SELECT count(*) FROM sqlite_master") == 0;
    if (!ours && !empty) {
      throw RunError(database.path() +
                     ": is an SQLite database of another program, expected the store of a Deneb "
                     "task; give the folder of a task that `deneb run` has started");
    }
    if (version > kSchemaVersion) {
      throw RunError(database.path() + ": was written by a newer Deneb (store version " +
                     std::to_string(version) + ", this one knows up to " +
                     std::to_string(kSchemaVersion) + "); use that Deneb");
    }
    if (ours && !empty && version < kOldestReadable && read_only) {
      throw RunError(database.path() + ": was written by an older Deneb (store version " +
                     std::to_string(version) + "); `deneb resume` converts it");
    }
    if (empty && read_only) {
      throw RunError(database.path() +
                     ": holds no task yet; `deneb run` or `deneb resume` fills it");
    }
    return version;
  }

  /// Runs `write` as one transaction.
  template <class F>
  void write(Durability durability, const F& write) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (read_only) {
      throw RunError(database.path() + ": is open for reading only, nothing can be stored");
    }
    SqliteTransaction transaction(database, durability);
    write();
    transaction.commit();
  }

  void require_step(const std::string& name) {
    SqliteStatement s(database, "SELECT 1 FROM steps WHERE name = ?");
    if (!s.bind(name).step()) {
      throw RunError(database.path() + ": step '" + name + "' was not begun; begin it first");
    }
  }

  /// As it stands there, what add_work() recorded included.
  ordered_json stored_info(const std::string& name) {
    SqliteStatement s(database, "SELECT info FROM steps WHERE name = ?");
    s.bind(name).step();
    return from_text(s.text(0), database);
  }

  void store_info(const std::string& name, const ordered_json& info) {
    SqliteStatement s(database, "UPDATE steps SET info = ? WHERE name = ?");
    s.bind(to_text(info)).bind(name).run();
  }

  /// Status of a trial; nullopt when it was never begun.
  std::optional<std::string> trial_status(const std::string& step, std::int64_t id) {
    SqliteStatement s(database, "SELECT status FROM trials WHERE step = ? AND id = ?");
    if (!s.bind(step).bind(id).step()) return std::nullopt;
    return s.text(0);
  }

  [[noreturn]] void refuse_finished(const ResultRow& trial, const std::string& status) {
    throw RunError(database.path() + ": " + place(trial.step, trial.id) +
                   " is over already (status '" + status +
                   "'); the result of a trial is never replaced");
  }

  const bool read_only;
  mutable std::mutex mutex;
  SqliteDatabase database;
};

TrialStore::TrialStore(const std::string& path, Mode mode)
    : impl_(std::make_unique<Impl>(path, mode == Mode::kReadOnly)) {}

TrialStore::~TrialStore() = default;

void TrialStore::begin_step(const std::string& name, const std::string& type) {
  // Files of a step that the store does not know are a sign of a lost store, not of a power cut.
  impl_->write(Durability::kPower, [&] {
    SqliteStatement s(impl_->database,
                      "INSERT INTO steps (name, type, status, started) VALUES (?, ?, 'running', ?) "
                      "ON CONFLICT (name) DO UPDATE SET type = excluded.type, status = 'running', "
                      "finished = '', message = ''");
    s.bind(name).bind(type).bind(utc_now()).run();
  });
}

void TrialStore::set_step_info(const std::string& name, const ordered_json& info) {
  impl_->write(Durability::kProcess, [&] {
    impl_->require_step(name);
    const auto work = work_of(impl_->stored_info(name));
    if (!work) return impl_->store_info(name, info);
    ordered_json whole = info;
    put_work(*work, whole);
    impl_->store_info(name, whole);
  });
}

void TrialStore::add_work(const std::string& name, const StepWork& work) {
  impl_->write(Durability::kProcess, [&] {
    impl_->require_step(name);
    ordered_json info = impl_->stored_info(name);
    StepWork all = work_of(info).value_or(StepWork{});
    all.seconds += work.seconds;
    all.training_samples += work.training_samples;
    all.evaluation_samples += work.evaluation_samples;
    put_work(all, info);
    impl_->store_info(name, info);
  });
}

void TrialStore::finish_step(const std::string& name, const std::string& status,
                             const std::string& message) {
  impl_->write(Durability::kPower, [&] {
    impl_->require_step(name);
    SqliteStatement s(impl_->database,
                      "UPDATE steps SET status = ?, message = ?, finished = ? WHERE name = ?");
    s.bind(status).bind(message).bind(utc_now()).bind(name).run();
  });
}

std::optional<StepRow> TrialStore::step(const std::string& name) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SqliteStatement s(impl_->database, select(kStepColumns, "steps WHERE name = ?").c_str());
  if (!s.bind(name).step()) return std::nullopt;
  return read_step(s, impl_->database);
}

std::vector<StepRow> TrialStore::steps() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SqliteStatement s(impl_->database, select(kStepColumns, "steps ORDER BY position").c_str());
  std::vector<StepRow> rows;
  while (s.step()) rows.push_back(read_step(s, impl_->database));
  return rows;
}

void TrialStore::erase_step(const std::string& name) {
  impl_->write(Durability::kPower, [&] {
    SqliteStatement(impl_->database, "DELETE FROM steps WHERE name = ?").bind(name).run();
  });
}

std::int64_t TrialStore::retry_failed(const std::string& step) {
  std::int64_t count = 0;
  impl_->write(Durability::kPower, [&] {
    SqliteStatement first(impl_->database,
                          "SELECT count(*), min(id) FROM trials WHERE step = ? AND status IN "
                          "('failed', 'timeout')");
    if (first.bind(step).step()) count = first.integer(0);
    if (count == 0) return;
    const std::int64_t id = first.integer(1);
    SqliteStatement(impl_->database,
                    "DELETE FROM epochs WHERE step = ? AND trial IN (SELECT id FROM trials WHERE "
                    "step = ? AND status IN ('failed', 'timeout'))")
        .bind(step)
        .bind(step)
        .run();
    SqliteStatement(impl_->database,
                    "UPDATE trials SET status = 'running', metrics = '{}', message = '', "
                    "seconds = 0, front = 0 WHERE step = ? AND status IN ('failed', 'timeout')")
        .bind(step)
        .run();
    SqliteStatement(impl_->database,
                    "UPDATE steps SET status = 'interrupted', finished = '', message = '' "
                    "WHERE name = ?")
        .bind(step)
        .run();
    SqliteStatement(impl_->database,
                    "INSERT INTO retries (step, first) VALUES (?, ?) ON CONFLICT (step) DO UPDATE "
                    "SET first = min(first, excluded.first)")
        .bind(step)
        .bind(id)
        .run();
  });
  return count;
}

std::int64_t TrialStore::retried_from(const std::string& step) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SqliteStatement table(impl_->database, "SELECT 1 FROM sqlite_master WHERE name = 'retries'");
  if (!table.step()) return 0;  // a reader of an older file
  SqliteStatement s(impl_->database, "SELECT first FROM retries WHERE step = ?");
  return s.bind(step).step() ? s.integer(0) : 0;
}

void TrialStore::begin_trial(const ResultRow& trial) {
  impl_->write(Durability::kProcess, [&] {
    impl_->require_step(trial.step);
    const auto status = impl_->trial_status(trial.step, trial.id);
    if (status && *status != "running") impl_->refuse_finished(trial, *status);
    SqliteStatement s(
        impl_->database,
        "INSERT INTO trials (step, id, status, seed, origin, encoding, fingerprint, policy) "
        "VALUES (?, ?, 'running', ?, ?, ?, ?, ?) ON CONFLICT (step, id) DO UPDATE SET "
        "seed = excluded.seed, origin = excluded.origin, encoding = excluded.encoding, "
        "fingerprint = excluded.fingerprint, policy = excluded.policy, attempts = attempts + 1");
    s.bind(trial.step).bind(trial.id).bind(static_cast<std::int64_t>(trial.seed));
    s.bind(trial.origin).bind(trial.encoding).bind(trial.fingerprint).bind(to_text(trial.policy));
    s.run();
  });
}

void TrialStore::finish_trial(const ResultRow& trial) {
  impl_->write(Durability::kPower, [&] {
    if (trial.status == "running") {
      throw RunError(impl_->database.path() + ": " + place(trial.step, trial.id) +
                     " cannot end with status 'running'; expected finished, failed, timeout or "
                     "rejected");
    }
    const auto status = impl_->trial_status(trial.step, trial.id);
    if (!status) {
      throw RunError(impl_->database.path() + ": " + place(trial.step, trial.id) +
                     " was not begun; begin it first");
    }
    if (*status != "running") impl_->refuse_finished(trial, *status);
    SqliteStatement s(impl_->database,
                      "UPDATE trials SET status = ?, metrics = ?, message = ?, seconds = ? "
                      "WHERE step = ? AND id = ?");
    s.bind(trial.status).bind(to_text(trial.metrics)).bind(trial.message).bind(trial.seconds);
    s.bind(trial.step).bind(trial.id).run();
  });
}

std::optional<ResultRow> TrialStore::trial(const std::string& step, std::int64_t id) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SqliteStatement s(impl_->database,
                    select(kTrialColumns, "trials WHERE step = ? AND id = ?").c_str());
  if (!s.bind(step).bind(id).step()) return std::nullopt;
  return read_trial(s, impl_->database);
}

std::int64_t TrialStore::erase_trials(const std::string& step, std::int64_t first) {
  std::int64_t count = 0;
  impl_->write(Durability::kPower, [&] {
    SqliteStatement(impl_->database, "DELETE FROM trials WHERE step = ? AND id >= ?")
        .bind(step)
        .bind(first)
        .run();
    count = impl_->database.changes();
  });
  return count;
}

std::vector<ResultRow> TrialStore::trials(const std::string& step, Policies policies) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  std::string columns = kTrialColumns;
  if (policies == Policies::kFront) {
    const std::string word = " policy,";
    columns.replace(columns.find(word), word.size(), " CASE WHEN front THEN policy ELSE '[]' END,");
  }
  SqliteStatement s(impl_->database,
                    select(columns.c_str(), "trials WHERE step = ? ORDER BY id").c_str());
  s.bind(step);
  std::vector<ResultRow> rows;
  while (s.step()) rows.push_back(read_trial(s, impl_->database));
  return rows;
}

void TrialStore::mark_front(const std::string& step, const std::vector<std::int64_t>& ids) {
  impl_->write(Durability::kPower, [&] {
    SqliteStatement(impl_->database, "UPDATE trials SET front = 0 WHERE step = ?").bind(step).run();
    SqliteStatement s(impl_->database, "UPDATE trials SET front = 1 WHERE step = ? AND id = ?");
    for (const std::int64_t id : ids) {
      s.reset();
      s.bind(step).bind(id).run();
      if (impl_->database.changes() == 0) {
        throw RunError(impl_->database.path() + ": " + place(step, id) +
                       " does not exist, so it cannot be in the result; the front is unchanged");
      }
    }
  });
}

void TrialStore::set_epochs(const std::string& step, std::int64_t trial,
                            const std::vector<EpochRow>& epochs) {
  impl_->write(Durability::kProcess, [&] {
    if (!impl_->trial_status(step, trial)) {
      throw RunError(impl_->database.path() + ": " + place(step, trial) +
                     " was not begun; begin it before its epochs are stored");
    }
    SqliteStatement s(impl_->database,
                      "INSERT OR REPLACE INTO epochs (step, trial, epoch, lr, train_loss, seconds, "
                      "penalty, metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const EpochRow& row : epochs) {
      s.reset();
      s.bind(step).bind(trial).bind(row.epoch).bind(row.lr).bind(row.train_loss);
      s.bind(row.seconds).bind(row.penalty).bind(to_text(row.metrics)).run();
    }
  });
}

std::vector<EpochRow> TrialStore::epochs(const std::string& step, std::int64_t trial) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SqliteStatement s(impl_->database,
                    "SELECT epoch, lr, train_loss, seconds, penalty, metrics FROM epochs "
                    "WHERE step = ? AND trial = ? ORDER BY epoch");
  s.bind(step).bind(trial);
  std::vector<EpochRow> rows;
  while (s.step()) {
    EpochRow row;
    row.step = step;
    row.trial = trial;
    row.epoch = s.integer(0);
    row.lr = s.real(1);
    row.train_loss = s.real(2);
    row.seconds = s.real(3);
    row.penalty = s.real(4);
    row.metrics = from_text(s.text(5), impl_->database);
    rows.push_back(std::move(row));
  }
  return rows;
}

void TrialStore::add_event(const std::string& step, const std::string& level,
                           const std::string& text) {
  impl_->write(Durability::kProcess, [&] {
    SqliteStatement s(impl_->database,
                      "INSERT INTO events (time, step, level, text) VALUES (?, ?, ?, ?)");
    s.bind(utc_now()).bind(step).bind(level).bind(text).run();
  });
}

}  // namespace deneb
