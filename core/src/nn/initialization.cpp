#include <deneb/nn/initialization.h>

namespace deneb::nn {
namespace {

thread_local int skipping = 0;

}  // namespace

SkipInitialization::SkipInitialization() { ++skipping; }
SkipInitialization::~SkipInitialization() { --skipping; }
bool SkipInitialization::is_active() { return skipping > 0; }

}  // namespace deneb::nn
