#pragma once

#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Folder of the folders that scripts/fetch_data.sh fills: $DENEB_DATA if that is set, else
/// ${XDG_CACHE_HOME:-$HOME/.cache}/deneb/data. Pipeline files call it {data}.
DENEB_API std::string data_root();

/// What to do about a path that does not exist: the call of the script, which may know the name,
/// for a path below data_root(), else to make it or to name another one.
DENEB_API std::string missing_path_advice(const std::string& path);

/// Folder of a dataset: `given` if not empty, else $DENEB_DATA/<name>, else the cache folder that
/// scripts/fetch_data.sh fills: ${XDG_CACHE_HOME:-$HOME/.cache}/deneb/data/<name>.
DENEB_API std::string data_directory(const std::string& given, const std::string& name);

/// DataError for a file that is not there. `name` is the data set's name for the script. The text
/// says what to do: the script's command for exactly this folder (with --dir where it needs it), or
/// to correct `data_path` where the script cannot fill the folder.
[[noreturn]] DENEB_API void throw_missing_data(const std::string& path, const std::string& name);

/// DataError for a file whose content is wrong, likewise. The script replaces damaged files in
/// place; nothing has to be deleted first.
[[noreturn]] DENEB_API void throw_damaged_data(const std::string& path, const std::string& what,
                                               const std::string& name);

}  // namespace deneb
