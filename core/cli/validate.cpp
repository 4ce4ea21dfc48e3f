#include <iostream>
#include <limits>

#include "commands.h"
#include "failure.h"
#include "session.h"
#include "text.h"

namespace deneb::cli {

int validate_command(const Words& words) {
  Arguments arguments(
      {"validate", "FILE... [options]",
       "Checks pipeline files completely (syntax, every option, plugins, networks, search spaces,\n"
       "paths) without running anything or creating a file. All problems of all files are listed,\n"
       "those of a file before the line that says whether it is ok.\n"
       "Data that are not where they are by default are a warning here, an error for `deneb run`.\n"
       "The exit code is that of the first file with a problem.",
       "deneb validate pipelines/*/*.json\n"
       "deneb validate my.json --set nas.trainer.epochs=-1"});
  arguments.positionals(1, std::numeric_limits<std::size_t>::max(), {"FILE"});
  add_set_option(arguments);
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  int exit_code = kExitOk;
  for (const std::string& file : arguments.positionals()) {
    try {
      Session session;  // one each: their plugins may not get along
      const Pipeline pipeline =
          session.open_file(file, arguments.list("set"), arguments.list("plugin"));
      for (const Finding& finding : pipeline.findings) {
        const bool blocks =
            finding.kind == Finding::Kind::kLater || finding.kind == Finding::Kind::kNoData;
        if (!blocks) print_warning(file + ": " + finding.step + ": " + finding.text);
      }
      check_runnable(pipeline, /*here=*/false);
      std::cout << file << ": ok (steps " << joined(pipeline.steps) << ")" << std::endl;
    } catch (const Interrupted&) {
      throw;
    } catch (...) {
      const Failure failure = current_failure();
      print_failure(failure);
      std::cout << file << ": not ok (exit code " << failure.exit_code << ")" << std::endl;
      if (exit_code == kExitOk) exit_code = failure.exit_code;
    }
  }
  return exit_code;
}

}  // namespace deneb::cli
