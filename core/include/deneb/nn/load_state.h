#pragma once

#include <map>
#include <string>
#include <vector>

#include <deneb/io/safetensors.h>
#include <deneb/nn/network.h>

namespace deneb {

/// How the names of a file become those of a network.
struct NameRules {
  /// From -> to. `from` is a prefix, or a pattern of the whole name with `*`, whose matches (as
  /// short as possible) stand in for the `*` of `to` one after the other. At most one rule changes
  /// a name: the longest `from` that fits, of equally long ones the alphabetically first.
  std::map<std::string, std::string> rename;
  /// Globs of the network's own names. These may be missing in the file or have another shape
  /// there; then they keep their values.
  std::vector<std::string> fresh;
  /// Globs of tensors of the file that are left out, by their names in the file or by those that
  /// they have at the end.
  std::vector<std::string> ignore;
};

/// ConfigError (text begins with the option's name, `rename`) for a rule that cannot be followed:
/// other numbers of `*` on both sides.
DENEB_API void check_name_rules(const NameRules& rules);

/// Does the `from` of a rule of NameRules::rename fit the name?
DENEB_API bool name_rule_fits(const std::string& from, const std::string& name);

/// The name after NameRules::rename.
DENEB_API std::string renamed(const std::string& name,
                              const std::map<std::string, std::string>& rename);

/// How load_state treated names that do not fit and need not.
struct LoadReport {
  std::vector<std::string> missing;  ///< state of quantizers in the network, not in the file
  std::vector<std::string> unused;   ///< state of quantizers in the file, not in the network
  std::vector<std::string> fresh;    ///< of NameRules::fresh, kept as they were
  bool quantized = false;            ///< does the file hold state of quantizers?
};

/// Copies tensors by name. What `ignore` names is left out; prefixes that all others share and the
/// network lacks are taken off (`module.`, `_orig_mod.`, `model.`, `backbone.`, also several); then
/// come `rename` and Network::import_state(); then names, shapes and types are compared. Counters
/// of batch norms (num_batches_tracked) and state of quantizers may be missing or left over: they
/// keep their values, or are passed over. DataError, with the network unchanged, for everything
/// else that is missing, left over or of another shape, all in one (ten names of each kind), for
/// whole numbers where the network has floats or the reverse, and for unreadable tensors. `where`
/// names the file in messages.
DENEB_API LoadReport load_state(Network& network, const TensorFile& file, const std::string& where,
                                const NameRules& rules = {});
DENEB_API LoadReport load_state(Network& network, const Network::NamedTensors& tensors,
                                const std::string& where, const NameRules& rules = {});

/// The same without copying.
DENEB_API LoadReport check_state(Network& network, const TensorFile& file, const std::string& where,
                                 const NameRules& rules = {});

}  // namespace deneb
