#include "store/sqlite_database.h"

#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

#include <deneb/errors.h>

namespace deneb::detail {
namespace {

constexpr int kBusyMilliseconds = 10000;

const char* remedy(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return "; free some space or check the disk, then go on with `deneb resume`";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another process holds it, wait for that to end";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "; it is no store of a Deneb task, or is damaged: restore it from a copy, or start a "
             "new task";
    case SQLITE_CANTOPEN:
      return "; check that the task folder exists and that you may write to it";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "; check the permissions of the file and of its folder";
    default:
      return "";
  }
}

/// SQLite file URI of a path; everything that has a meaning in URIs is escaped.
std::string file_uri(const std::string& path, const char* query) {
  std::string uri = "file:";
  char escaped[4];
  for (const unsigned char c : path) {
    if (std::isalnum(c) || std::strchr("/._-", c)) {
      uri += static_cast<char>(c);
    } else {
      std::snprintf(escaped, sizeof(escaped), "%%%02X", c);
      uri += escaped;
    }
  }
  return uri + query;
}

bool empty_or_missing(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) != 0 || info.st_size == 0;
}

}  // namespace

SqliteDatabase::SqliteDatabase(const std::string& path, bool read_only) : path_(path) {
  if (!read_only) {
    open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return;
  }
  if (struct stat info{}; ::stat(path.c_str(), &info) != 0) {
    throw RunError(path + ": not found (" + std::strerror(errno) +
                   "); give the folder of a task that `deneb run` has started");
  }
  open(path, SQLITE_OPEN_READONLY);
  sqlite3_stmt* probe = nullptr;
  const int code =
      sqlite3_prepare_v2(handle_.get(), "SELECT 1 FROM sqlite_master", -1, &probe, nullptr);
  sqlite3_finalize(probe);
  // A reader of a WAL file needs the -shm file beside it, which a folder without write permission
  // (an archive, a CD) does not let it make. Without a log nobody can be writing: read it as a
  // file that does not change.
  const bool no_shared_memory =
      (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY;
  if (no_shared_memory && empty_or_missing(path + "-wal")) {
    open(file_uri(path, "?immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  } else if (code != SQLITE_OK) {
    fail(code, "opening");
  }
}

void SqliteDatabase::open(const std::string& name, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &raw,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  handle_.reset(raw);
  if (code != SQLITE_OK) fail(code, "opening");
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
}

void SqliteDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "writing");
}

std::int64_t SqliteDatabase::integer(const char* sql) {
  SqliteStatement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

void SqliteDatabase::fail(int code, const std::string& doing) const {
  // The connection's own text is the better one, unless a later call has replaced it.
  const bool same = handle_ && sqlite3_extended_errcode(handle_.get()) == code;
  std::string reason = same ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_IOERR && handle_) {
    const int system_error = sqlite3_system_errno(handle_.get());
    if (system_error != 0) reason += std::string(", ") + std::strerror(system_error);
  }
  const std::string text =
      path_ + ": " + doing + " the task's store failed (" + reason + ")" + remedy(code);
  const int kind = code & 0xff;
  if (kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) throw DataError(text);
  throw RunError(text);
}

SqliteStatement::SqliteStatement(const SqliteDatabase& database, const char* sql)
    : database_(database) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql, -1, &raw, nullptr);
  handle_.reset(raw);
  if (code != SQLITE_OK) database.fail(code, "reading");
}

void SqliteStatement::check(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
  database_.fail(code, sqlite3_stmt_readonly(handle_.get()) ? "reading" : "writing");
}

SqliteStatement& SqliteStatement::bind(const std::string& text) {
  check(sqlite3_bind_text64(handle_.get(), next_++, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(handle_.get(), next_++, number));
  return *this;
}

SqliteStatement& SqliteStatement::bind(double number) {
  check(sqlite3_bind_double(handle_.get(), next_++, number));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(handle_.get());
  check(code);
  return code == SQLITE_ROW;
}

void SqliteStatement::run() {
  while (step()) {
  }
}

void SqliteStatement::reset() {
  sqlite3_reset(handle_.get());
  next_ = 1;
}

std::string SqliteStatement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return bytes ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

double SqliteStatement::real(int column) const {
  if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return sqlite3_column_double(handle_.get(), column);
}

SqliteTransaction::SqliteTransaction(SqliteDatabase& database, Durability durability)
    : database_(database) {
  // In WAL mode NORMAL does not sync at a commit: no transaction is torn by a power failure, but
  // the last ones may be missing. FULL syncs the log, and with it all that was written before.
  database_.execute(durability == Durability::kPower ? "PRAGMA synchronous = FULL"
                                                     : "PRAGMA synchronous = NORMAL");
  database_.execute("BEGIN IMMEDIATE");
  open_ = true;
}

SqliteTransaction::~SqliteTransaction() {
  // A disk that is full may have rolled back already; then this fails, which is fine.
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteTransaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace deneb::detail
