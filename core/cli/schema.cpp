#include <deneb/io/files.h>

#include <iostream>

#include "commands.h"
#include "session.h"

namespace deneb::cli {

int schema_command(const Words& words) {
  Arguments arguments({"schema", "[--output FILE] [options]",
                       "Writes a JSON Schema (draft-07) of pipeline files with the options of all "
                       "plugins. Editors\n"
                       "complete and check with it: in VS Code by \"json.schemas\" in "
                       "settings.json, elsewhere by a\n"
                       "first line \"$schema\": \"./deneb.schema.json\" in the pipeline file.",
                       "deneb schema --output deneb.schema.json"});
  arguments.value("output", "FILE", "write to this file (default: standard output)");
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  Session session;
  session.load_plugins(arguments.list("plugin"));
  const std::string text = pipeline_schema(session.registry()).dump(2) + "\n";
  if (arguments.has("output")) {
    write_file_atomically(arguments.text("output"), text);
  } else {
    std::cout << text;
  }
  return kExitOk;
}

}  // namespace deneb::cli
