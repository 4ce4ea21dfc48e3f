#include <deneb/quant/format_mixture.h>

namespace deneb {

// Here, so that all plugins share one type and dynamic_cast works across them.
FormatMixture::~FormatMixture() = default;

}  // namespace deneb
