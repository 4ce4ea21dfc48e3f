#include <gtest/gtest.h>

#include <algorithm>

#include "sample_options.h"

namespace deneb::testing {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
         (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
         (type == "null" && value.is_null());
}

/// Checks a value against the keywords of draft-07 that Deneb writes; an unknown keyword fails the
/// test, since an editor would not know it either.
class Validator {
 public:
  explicit Validator(const json& root) : root_(root) {}

  bool valid(const json& value, const json& schema) const {
    if (schema.is_boolean()) return schema.get<bool>();
    return std::all_of(schema.items().begin(), schema.items().end(), [&](const auto& item) {
      return keyword(value, schema, item.key(), item.value());
    });
  }

 private:
  bool keyword(const json& value, const json& schema, const std::string& key,
               const json& rule) const {
    const auto follows = [&](const json& other) { return valid(value, other); };
    if (key == "description" || key == "default" || key == "then" || key == "else" ||
        key == "definitions" || key == "$schema") {
      return true;
    }
    if (key == "$ref")
      return valid(value, root_.at(json::json_pointer(rule.get<std::string>().substr(1))));
    if (key == "type") {
      if (rule.is_string()) return has_type(value, rule);
      return std::any_of(rule.begin(), rule.end(),
                         [&](const json& t) { return has_type(value, t); });
    }
    if (key == "enum") return std::find(rule.begin(), rule.end(), value) != rule.end();
    if (key == "const") return value == rule;
    if (key == "minimum") return !value.is_number() || value.get<double>() >= rule.get<double>();
    if (key == "maximum") return !value.is_number() || value.get<double>() <= rule.get<double>();
    if (key == "anyOf") return std::any_of(rule.begin(), rule.end(), follows);
    if (key == "allOf") return std::all_of(rule.begin(), rule.end(), follows);
    if (key == "if") {
      const char* branch = follows(rule) ? "then" : "else";
      return !schema.contains(branch) || follows(schema.at(branch));
    }
    if (key == "items") {
      return !value.is_array() || std::all_of(value.begin(), value.end(), [&](const json& element) {
        return valid(element, rule);
      });
    }
    if (key == "required") {
      return !value.is_object() || std::all_of(rule.begin(), rule.end(), [&](const json& name) {
        return value.contains(name.get<std::string>());
      });
    }
    if (key == "properties" || key == "additionalProperties") {
      return !value.is_object() || properties(value, schema, key);
    }
    ADD_FAILURE() << "unknown keyword " << key;
    return false;
  }

  bool properties(const json& value, const json& schema, const std::string& key) const {
    const json none = json::object();
    const json& known = schema.contains("properties") ? schema["properties"] : none;
    for (const auto& item : value.items()) {
      const bool is_known = known.contains(item.key());
      if (key == "properties" && is_known && !valid(item.value(), known[item.key()])) return false;
      if (key == "additionalProperties" && !is_known && !valid(item.value(), schema[key])) {
        return false;
      }
    }
    return true;
  }

  const json& root_;
};

/// The schema of a whole file that holds Everything, as `deneb schema` would put it together.
json file_schema() {
  Everything options;
  const FakeCatalog catalog;
  nlohmann::ordered_json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}};
  schema.update(options_schema(walk(options), {}, &catalog));
  for (const char* kind : {"network", "optimizer", "cost_model"}) {
    schema["definitions"][kind] = plugin_schema(catalog, kind);
  }
  return schema;
}

TEST(OptionsSchema, Fields) {
  Everything options;
  const nlohmann::ordered_json schema = options_schema(walk(options), {"note"});
  EXPECT_EQ(schema["type"], "object");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["anyOf"].dump(), R"([{"required":["network"]},{"required":["ref"]}])");
  const nlohmann::ordered_json& keys = schema["properties"];
  EXPECT_EQ(keys["note"].dump(), "{}");
  EXPECT_EQ(keys["flag"].dump(), R"({"description":"a switch","type":"boolean","default":true})");
  EXPECT_EQ(
      keys["count"].dump(),
      R"({"description":"how many","type":"integer","minimum":1,"maximum":100000,"default":3})");
  EXPECT_EQ(
      keys["rate"].dump(),
      R"({"description":"a fraction","type":"number","minimum":0,"maximum":1,"default":0.1})");
  EXPECT_EQ(keys["mode"].dump(),
            R"({"description":"a choice","type":"string","enum":["reset","step","cosine"],)"
            R"("default":"step"})");
  EXPECT_EQ(keys["bits"].dump(),
            R"({"description":"bit widths","type":"array","items":{"type":"integer","minimum":1,)"
            R"("maximum":16},"default":[4,8]})");
  EXPECT_EQ(keys["weights"]["items"].dump(), R"({"type":"number","minimum":0})");
  EXPECT_EQ(keys["parts"]["items"].dump(), R"({"type":"string","enum":["backbone","head"]})");
  EXPECT_EQ(keys["words"].dump(),
            R"({"description":"a word or several","anyOf":[{"type":"string"},{"type":"array",)"
            R"("items":{"type":"string"}}],"default":"int8"})");
  EXPECT_EQ(keys["limit"].dump(),
            R"({"description":"optional integer","type":["integer","null"],"minimum":1,)"
            R"("maximum":10,"default":null})");
  EXPECT_EQ(keys["overrides"]["additionalProperties"].dump(), R"({"type":"string"})");
  EXPECT_EQ(keys["extra"].dump(), R"({"description":"anything","default":{"free":1}})");
  EXPECT_EQ(keys["policy"]["additionalProperties"], false);
  EXPECT_EQ(keys["policy"]["properties"]["num_generation"]["maximum"], 1000000);
  EXPECT_EQ(keys["objectives"]["items"]["properties"]["direction"]["enum"].dump(),
            R"(["max","min"])");
  EXPECT_EQ(keys["network"].dump(),
            R"({"description":"required plugin","allOf":[{"$ref":"#/definitions/network"},)"
            R"({"anyOf":[{"required":["type"]},{"required":["ref"]}]}]})");
  EXPECT_EQ(keys["optimizer"]["allOf"].dump(), R"([{"$ref":"#/definitions/optimizer"}])");
  const FakeCatalog catalog;
  const auto known = options_schema(walk(options), {}, &catalog)["properties"]["optimizer"];
  EXPECT_EQ(known["allOf"].dump(),
            R"([{"$ref":"#/definitions/optimizer"},)"
            R"({"if":{"anyOf":[{"required":["type"]},{"required":["ref"]}]},)"
            R"("else":{"$ref":"#/definitions/optimizer/definitions/SGD"}}])");
  EXPECT_EQ(keys["optimizer"]["default"].dump(), R"({"type":"SGD","lr":0.5})");
  for (const auto* object : {&schema, &keys["policy"], &keys["objectives"]["items"]}) {
    EXPECT_EQ((*object)["properties"]["ref"]["type"], "string");
  }
}

TEST(OptionsSchema, PluginKinds) {
  const nlohmann::ordered_json schema = plugin_schema(FakeCatalog(), "optimizer");
  EXPECT_EQ(schema["properties"]["type"]["enum"].dump(), R"(["Adam","SGD"])");
  EXPECT_FALSE(schema.contains("anyOf"));  // members with a default need no type
  ASSERT_EQ(schema["allOf"].size(), 2u);
  EXPECT_EQ(schema["allOf"][1]["if"].dump(),
            R"({"properties":{"type":{"const":"SGD"}},"required":["type"]})");
  EXPECT_EQ(schema["allOf"][1]["then"].dump(),
            R"({"$ref":"#/definitions/optimizer/definitions/SGD"})");
  EXPECT_EQ(schema["definitions"]["SGD"]["properties"]["lr"]["maximum"], 100);
  EXPECT_EQ(plugin_schema(FakeCatalog(), "cost_model").dump(), R"({"type":"object"})");
}

struct Sample {
  const char* text;
  bool good;
};

/// What the reader takes, the schema takes, and the other way round.
TEST(OptionsSchema, AgreesWithTheReader) {
  const json schema = file_schema();
  const Validator validator(schema);
  const Sample samples[] = {
      {R"({"network": {"type": "Mlp"}})", true},
      {R"({"network": {"type": "Mlp"}, "count": 100000, "rate": 1, "limit": null})", true},
      {R"({"network": {"type": "Mlp"}, "extra": [1, null], "overrides": {"a": "b"}})", true},
      {R"({"network": {"type": "ResNetCifar", "depth": 56}, "optimizer": {"type": "Adam"}})", true},
      {R"({"network": {"type": "Wrapper", "inner": {"type": "Mlp"}}})", true},
      {R"({"network": {"type": "Mlp"}, "objectives": [{"name": "x"}, {}], "policy": {}})", true},
      {R"({"network": {"type": "Mlp"}, "optimizer": {"momentum": 0.5}})", true},
      {R"({"network": {"type": "Mlp"}, "optimizer": {}})", true},
      {R"({"network": {"type": "Mlp"}, "optimizer": {"lr": -1}})", false},
      {R"({"network": {"type": "Mlp"}, "optimizer": {"width": 1}})", false},
      {R"({"network": {"type": "Mlp"}, "optimizer": {"type": "Adam", "lr": 1}})", false},
      {R"({"network": {"width": 1}})", false},
      {R"({"network": {"type": "Mlp"}, "cost": {}})", false},
      {R"({})", false},
      {R"([])", false},
      {R"({"network": {"type": "Nope"}})", false},
      {R"({"network": {"typ": "Mlp"}})", false},
      {R"({"network": "Mlp"})", false},
      {R"({"network": {"type": "Mlp", "width": 1}})", false},
      {R"({"network": {"type": "ResNetCifar", "width": 0}})", false},
      {R"({"network": {"type": "Wrapper"}})", false},
      {R"({"network": {"type": "Wrapper", "inner": {"type": "ResNetCifar", "x": 1}}})", false},
      {R"({"network": {"type": "Mlp"}, "count": 0})", false},
      {R"({"network": {"type": "Mlp"}, "count": 2.5})", false},
      {R"({"network": {"type": "Mlp"}, "count": null})", false},
      {R"({"network": {"type": "Mlp"}, "rate": 1.5})", false},
      {R"({"network": {"type": "Mlp"}, "text": 1})", false},
      {R"({"network": {"type": "Mlp"}, "mode": "setp"})", false},
      {R"({"network": {"type": "Mlp"}, "bits": [4, 17]})", false},
      {R"({"network": {"type": "Mlp"}, "parts": ["tail"]})", false},
      {R"({"network": {"type": "Mlp"}, "words": "a"})", true},
      {R"({"network": {"type": "Mlp"}, "words": ["a", "b"]})", true},
      {R"({"network": {"type": "Mlp"}, "words": 1})", false},
      {R"({"network": {"type": "Mlp"}, "words": [1]})", false},
      {R"({"network": {"type": "Mlp"}, "limit": 11})", false},
      {R"({"network": {"type": "Mlp"}, "overrides": {"a": 1}})", false},
      {R"({"network": {"type": "Mlp"}, "policy": {"num_generation": 0}})", false},
      {R"({"network": {"type": "Mlp"}, "policy": null})", false},
      {R"({"network": {"type": "Mlp"}, "objectives": [{"nam": "x"}]})", false},
      {R"({"network": {"type": "Mlp"}, "optimizer": null})", false},
      {R"({"network": {"type": "Mlp"}, "unknown": 1})", false},
  };
  for (const Sample& sample : samples) {
    Everything options;
    EXPECT_EQ(read_text(options, sample.text).empty(), sample.good) << sample.text;
    EXPECT_EQ(validator.valid(json::parse(sample.text), schema), sample.good) << sample.text;
  }
}

TEST(OptionsSchema, AllowsReferences) {
  const json schema = file_schema();
  const Validator validator(schema);
  for (const char* text : {R"({"ref": "other"})", R"({"network": {"ref": "nas.network"}})",
                           R"({"network": {"ref": "nas.network", "width": 5}})",
                           R"({"network": {"type": "Wrapper", "ref": "nas.network"}})",
                           R"({"network": {"type": "Mlp"}, "policy": {"ref": "nas.policy"}})",
                           R"({"network": {"type": "Mlp"}, "objectives": [{"ref": "a[0]"}]})"}) {
    EXPECT_TRUE(validator.valid(json::parse(text), schema)) << text;
  }
  EXPECT_FALSE(validator.valid(json::parse(R"({"ref": 5})"), schema));
}

TEST(OptionsSchema, AcceptsItsOwnDefaults) {
  const json schema = file_schema();
  Everything options;
  json written = write_options(walk(options));
  written["network"] = {{"type", "Mlp"}};
  EXPECT_TRUE(Validator(schema).valid(written, schema));
}

}  // namespace
}  // namespace deneb::testing
