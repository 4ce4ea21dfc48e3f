#include <deneb/quant/step_bank.h>

namespace deneb {

// Here, so that all plugins share one type and dynamic_cast works across them.
StepBank::~StepBank() = default;

}  // namespace deneb
