#include <c10/util/Exception.h>
#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>

#include <deneb/failure_text.h>
#include <deneb/plugin/registry.h>

namespace deneb {
namespace {

using ErrorLog = std::function<void(const std::string&)>;

struct LogSlot {
  std::mutex mutex;
  ErrorLog log;
};

LogSlot& log_slot() {
  static auto& slot = *new LogSlot;  // leaked: plugins may fail while globals are destroyed
  return slot;
}

void write_log(const std::string& text) {
  LogSlot& slot = log_slot();
  std::lock_guard<std::mutex> lock(slot.mutex);
  if (slot.log) slot.log(text);
}

/// Throws the current exception again as an object of libdeneb with its text copied.
[[noreturn]] void rethrow_as_core(const std::string& plugin, const std::string& stage) {
  const bool built_in = plugin == "core";
  const std::string where =
      built_in ? stage + ": " : "plugin '" + plugin + "' failed in " + stage + ": ";
  const auto raise = [&](const std::string& text) {
    if (built_in) throw RunError(where + text);
    throw PluginError(where + text);
  };
  try {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;  // a thread is being canceled; swallowing this would end the process
  } catch (const Interrupted& e) {
    throw Interrupted(e.exit_code() - 128);
  } catch (const ConfigError& e) {
    throw ConfigError(e.what());
  } catch (const PluginError& e) {
    throw PluginError(e.what());
  } catch (const DataError& e) {
    throw DataError(e.what());
  } catch (const RunError& e) {
    throw RunError(e.what());
  } catch (const Error& e) {
    throw Error(e.what(), e.exit_code());
  } catch (const std::exception& e) {
    if (dynamic_cast<const c10::Error*>(&e)) write_log(where + e.what());
    if (is_out_of_memory(e)) throw RunError(where + failure_text(e));
    raise(failure_text(e));
  } catch (...) {
    raise(
        "it threw an object that is no std::exception; plugins throw deneb or std exceptions only");
  }
  std::abort();  // raise() throws
}

}  // namespace

void set_plugin_error_log(std::function<void(const std::string&)> log) {
  LogSlot& slot = log_slot();
  std::lock_guard<std::mutex> lock(slot.mutex);
  slot.log = std::move(log);
}

void guard(const std::string& plugin, const std::string& stage, const std::function<void()>& fn) {
  try {
    fn();
  } catch (...) {
    rethrow_as_core(plugin, stage);
  }
}

}  // namespace deneb
