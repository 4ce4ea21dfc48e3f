#include <deneb/report/report.h>

namespace deneb {

Report::~Report() = default;

}  // namespace deneb
