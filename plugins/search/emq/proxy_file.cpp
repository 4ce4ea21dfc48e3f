#include "proxy_file.h"

#include <deneb/errors.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>

namespace deneb::emq {

using nlohmann::ordered_json;

ProxyFile read_proxy(const std::string& path) {
  const auto root = parse_ordered_json(read_file(path));
  if (!root.is_object()) throw DataError(path + ": is no JSON object");
  const auto text = [&](const char* key) {
    const auto found = root.find(key);
    return found != root.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text("format") != "deneb-proxy") {
    throw DataError(path + ": is no proxy; expected \"format\": \"deneb-proxy\"");
  }
  if (!root.contains("version") || root.at("version") != 1) {
    throw DataError(path + ": has a version that this program does not know; expected 1");
  }
  if (!root.contains("genotype")) throw DataError(path + ": has no key 'genotype'");
  ProxyFile proxy;
  proxy.name = text("name");
  proxy.genotype = genotype_from_json(root.at("genotype"), path + ": genotype");
  if (root.contains("provenance")) proxy.provenance = root.at("provenance");
  return proxy;
}

void write_proxy(const std::string& path, const ProxyFile& proxy) {
  ordered_json root = {{"format", "deneb-proxy"},
                       {"version", 1},
                       {"name", proxy.name},
                       {"genotype", to_json(proxy.genotype)},
                       {"formula", formula_of(proxy.genotype)}};
  if (!proxy.provenance.is_null()) root["provenance"] = proxy.provenance;
  write_file_atomically(path, root.dump(1) + "\n");
}

}  // namespace deneb::emq
