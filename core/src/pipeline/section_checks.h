#pragma once

#include <deneb/pipeline/pipe_step.h>
#include <deneb/pipeline/section_parts.h>

#include <vector>

namespace deneb::detail {

/// What validation checks of every section with a network, as far as it can be known: that start
/// weights fit, those that an earlier step will leave too; that the trainer has what it needs, for
/// networks of these policies; that the quantizers can do their formats; that the data are there.
void check_section(const SectionParts& parts, const std::vector<BitPolicy>& policies,
                   const ValidationContext& context);

}  // namespace deneb::detail
