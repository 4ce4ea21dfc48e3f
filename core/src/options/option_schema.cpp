#include <deneb/options/config.h>

#include <cmath>

#include "options/field_text.h"

namespace deneb {
namespace {

using nlohmann::ordered_json;

ordered_json ref_schema() {
  return {{"type", "string"},
          {"description",
           "copies the block at this path (a.b.c), or that of another file "
           "(../other.json#a.b.c, relative to this file); keys given here override it"}};
}

ordered_json number_schema(const char* type, const Range& range) {
  const auto limit = [](double value) {
    const bool whole = std::floor(value) == value && std::abs(value) < 1e16;
    return whole ? ordered_json(static_cast<std::int64_t>(value)) : ordered_json(value);
  };
  ordered_json schema = {{"type", type}};
  if (std::isfinite(range.low)) schema["minimum"] = limit(range.low);
  if (std::isfinite(range.high)) schema["maximum"] = limit(range.high);
  return schema;
}

ordered_json string_schema(const std::vector<std::string>& choices) {
  ordered_json schema = {{"type", "string"}};
  if (!choices.empty()) schema["enum"] = choices;
  return schema;
}

ordered_json list_schema(ordered_json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

ordered_json word_or_list_schema() {
  return {{"anyOf", ordered_json::array({string_schema({}), list_schema(string_schema({}))})}};
}

ordered_json or_null(ordered_json schema) {
  schema["type"] = ordered_json::array({schema["type"], "null"});
  return schema;
}

/// Holds for blocks that say what they are.
ordered_json type_or_ref() {
  return {
      {"anyOf", ordered_json::array({ordered_json{{"required", ordered_json::array({"type"})}},
                                     ordered_json{{"required", ordered_json::array({"ref"})}}})}};
}

class SchemaWriter final : public OptionVisitor {
 public:
  SchemaWriter(const PluginCatalog* catalog, int depth) : catalog_(catalog), depth_(depth) {}

  void field(const Field& field, const FieldRef& ref) override {
    ordered_json schema = field_schema(field, ref);
    ordered_json described = ordered_json::object();
    if (*field.help != '\0') described["description"] = field.help;
    described.update(schema);
    if (!std::holds_alternative<GroupRef>(ref)) {
      const ordered_json value = write_options([&](OptionVisitor& v) { v.field(field, ref); });
      if (value.contains(field.key)) described["default"] = value[field.key];
    }
    properties_[field.key] = std::move(described);
  }
  void check(const std::function<void(OptionErrors&)>&) override {}

  ordered_json object_schema(const std::vector<std::string>& extra_keys) const {
    ordered_json properties = ordered_json::object();
    for (const std::string& key : extra_keys) properties[key] = ordered_json::object();
    properties.update(properties_);
    properties["ref"] = ref_schema();
    ordered_json schema = {{"type", "object"}, {"properties", std::move(properties)}};
    if (!required_.empty()) {
      schema["anyOf"] =
          ordered_json::array({ordered_json{{"required", required_}},
                               ordered_json{{"required", ordered_json::array({"ref"})}}});
    }
    schema["additionalProperties"] = false;
    return schema;
  }

 private:
  ordered_json field_schema(const Field& field, const FieldRef& ref) {
    const Range& range = field.range;
    return std::visit(
        detail::Overloaded{
            [](bool*) {
              return ordered_json{{"type", "boolean"}};
            },
            [&](int*) { return number_schema("integer", range); },
            [&](std::int64_t*) { return number_schema("integer", range); },
            [&](double*) { return number_schema("number", range); },
            [&](std::string*) { return string_schema(field.choices); },
            [&](std::vector<int>*) { return list_schema(number_schema("integer", range)); },
            [&](std::vector<double>*) { return list_schema(number_schema("number", range)); },
            [&](std::vector<std::string>*) { return list_schema(string_schema(field.choices)); },
            [&](Words*) { return word_or_list_schema(); },
            [&](std::optional<int>*) { return or_null(number_schema("integer", range)); },
            [&](std::optional<double>*) { return or_null(number_schema("number", range)); },
            [](std::map<std::string, std::string>*) {
              return ordered_json{{"type", "object"},
                                  {"additionalProperties", ordered_json{{"type", "string"}}}};
            },
            [](nlohmann::json*) { return ordered_json::object(); },
            [](const FileRef&) {
              return ordered_json{{"type", "string"}};
            },
            [&](const GroupRef& group) { return nested(group.visit); },
            [&](const GroupListRef& list) { return list_schema(nested(list.visit_default)); },
            [&](const PluginRef& plugin) {
              if (plugin.required && !*plugin.spec) required_.push_back(field.key);
              return block_schema(plugin);
            }},
        ref);
  }

  ordered_json block_schema(const PluginRef& plugin) const {
    const std::string kind = std::string("#/definitions/") + plugin.kind;
    // Draft-07 ignores what stands beside a $ref.
    ordered_json rules = ordered_json::array({{{"$ref", kind}}});
    const PluginSpec& spec = *plugin.spec;
    if (!spec) {
      rules.push_back(type_or_ref());
    } else if (catalog_ != nullptr && catalog_->options_of(plugin.kind, spec.type) != nullptr) {
      rules.push_back(
          {{"if", type_or_ref()}, {"else", {{"$ref", kind + "/definitions/" + spec.type}}}});
    }
    return {{"allOf", std::move(rules)}};
  }

  ordered_json nested(const OptionWalk& walk) const {
    // A struct with a list of its own kind would never end.
    if (depth_ >= detail::kMaxGroupDepth) return {{"type", "object"}};
    SchemaWriter writer(catalog_, depth_ + 1);
    walk(writer);
    return writer.object_schema({});
  }

  const PluginCatalog* catalog_;
  const int depth_;
  ordered_json properties_ = ordered_json::object();
  std::vector<std::string> required_;
};

}  // namespace

nlohmann::ordered_json options_schema(const OptionWalk& walk,
                                      const std::vector<std::string>& extra_keys,
                                      const PluginCatalog* catalog) {
  SchemaWriter writer(catalog, 0);
  walk(writer);
  return writer.object_schema(extra_keys);
}

nlohmann::ordered_json plugin_schema(const PluginCatalog& catalog, const std::string& kind) {
  const std::vector<std::string> names = catalog.names(kind);
  ordered_json cases = ordered_json::array(), options = ordered_json::object();
  for (const std::string& name : names) {
    const OptionWalk* walk = catalog.options_of(kind, name);
    if (walk == nullptr) continue;
    ordered_json is_name = {{"properties", {{"type", {{"const", name}}}}}};
    is_name["required"] = ordered_json::array({"type"});
    const std::string target = "#/definitions/" + kind + "/definitions/" + name;
    cases.push_back({{"if", std::move(is_name)}, {"then", {{"$ref", target}}}});
    options[name] = options_schema(*walk, {"type"}, &catalog);
  }
  // if/then rather than oneOf: editors then complete and complain about the named plugin only.
  ordered_json type = {{"type", "string"}, {"description", "name of a " + kind + " plugin"}};
  ordered_json schema = {{"type", "object"}};
  if (names.empty()) return schema;  // an empty enum is no valid schema
  type["enum"] = names;
  schema["properties"] = ordered_json{{"type", std::move(type)}, {"ref", ref_schema()}};
  schema["allOf"] = std::move(cases);
  schema["definitions"] = std::move(options);
  return schema;
}

}  // namespace deneb
