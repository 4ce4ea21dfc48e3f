#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

namespace deneb::detail {

/// A connection to one SQLite file. Every failure is a RunError, for a damaged file a DataError,
/// with the file, what was being done, SQLite's reason and a remedy. Not synchronised: the owner
/// locks.
class SqliteDatabase {
 public:
  /// Opens; a missing file is created unless `read_only`. Waits up to 10 s for another process's
  /// lock in every later call.
  SqliteDatabase(const std::string& path, bool read_only);
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  /// Runs statements without parameters and results.
  void execute(const char* sql);
  /// First column of the first row as an integer, e.g. of a PRAGMA.
  std::int64_t integer(const char* sql);

  const std::string& path() const { return path_; }
  /// Rows changed by the last INSERT, UPDATE or DELETE.
  int changes() const { return sqlite3_changes(handle_.get()); }
  sqlite3* handle() const { return handle_.get(); }
  /// Throws RunError or DataError for the result code of a call on this connection.
  [[noreturn]] void fail(int code, const std::string& doing) const;

 private:
  void open(const std::string& name, int flags);
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

/// A prepared statement. Parameters count from 1 and columns from 0, as in SQLite.
class SqliteStatement {
 public:
  SqliteStatement(const SqliteDatabase& database, const char* sql);
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  /// Binds the next parameter.
  SqliteStatement& bind(const std::string& text);
  SqliteStatement& bind(std::int64_t number);
  SqliteStatement& bind(double number);

  /// True while there is a row.
  bool step();
  /// Runs to the end; for statements without rows.
  void run();
  /// Ready for the next set of parameters.
  void reset();

  std::string text(int column) const;
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  double real(int column) const;  ///< NULL is NaN: SQLite stores a NaN as NULL

 private:
  void check(int code);
  struct Finalizer {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  const SqliteDatabase& database_;
  int next_ = 1;
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

/// A write: commit() or nothing happened.
class SqliteTransaction {
 public:
  enum class Durability {
    kProcess,  ///< survives the death of the process at once, a power failure after the next sync
    kPower,    ///< survives a power failure as well, together with all writes before it
  };
  SqliteTransaction(SqliteDatabase& database, Durability durability);
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  void commit();

 private:
  SqliteDatabase& database_;
  bool open_ = false;
};

}  // namespace deneb::detail
