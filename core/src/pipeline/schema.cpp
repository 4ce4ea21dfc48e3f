#include <deneb/pipeline/pipeline.h>

namespace deneb {

nlohmann::ordered_json pipeline_schema(const Registry& registry) {
  GeneralOptions general;
  nlohmann::ordered_json schema;
  schema["$schema"] = "http://json-schema.org/draft-07/schema#";
  schema["title"] = "Deneb pipeline";
  schema["type"] = "object";
  schema["required"] = {"pipeline"};
  auto& properties = schema["properties"];
  properties["$schema"] = {{"type", "string"}};
  properties["general"] = options_schema(walk(general), {}, &registry);
  properties["pipeline"] = {{"type", "array"},
                            {"items", {{"type", "string"}}},
                            {"minItems", 1},
                            {"description", "names of the steps, in the order they run"}};
  properties["plugins"] = {{"type", "array"},
                           {"items", {{"type", "string"}}},
                           {"description", "further plugin files or folders"}};
  auto variants = nlohmann::ordered_json::array();
  for (const RegistryEntry* entry : registry.entries(PipeStep::kKind)) {
    nlohmann::ordered_json section = options_schema(entry->options, {"ref"}, &registry);
    section["properties"]["pipe_step"]["properties"]["type"] = {{"const", entry->name}};
    section["description"] = entry->help;
    variants.push_back(section);
  }
  schema["additionalProperties"] = {{"anyOf", variants}};
  for (const char* kind : {"network", "dataset", "trainer", "criterion", "evaluator", "quantizer",
                           "cost_model", "search_algorithm", "report", "pipe_step"}) {
    schema["definitions"][kind] = plugin_schema(registry, kind);
  }
  return schema;
}

}  // namespace deneb
