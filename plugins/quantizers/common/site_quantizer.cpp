#include "site_quantizer.h"

namespace deneb::quantizers {

void SiteQuantizer::attach(const QuantizerSite& site) {
  role_ = site.role;
  layer_ = site.layer;
}

void SiteQuantizer::refuse(const char* method, const Format& format,
                           const std::string& accepted) const {
  throw ConfigError("layer '" + layer_ + "': " + method + " cannot quantize " +
                    (on_weight() ? "weights" : "activations") + " to " + format.text() +
                    "; it can do " + accepted);
}

}  // namespace deneb::quantizers
