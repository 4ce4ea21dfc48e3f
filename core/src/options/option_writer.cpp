#include <deneb/options/config.h>

#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using nlohmann::ordered_json;

class OptionWriter final : public OptionVisitor {
 public:
  void field(const Field& field, const FieldRef& ref) override {
    if (const auto* group = std::get_if<GroupRef>(&ref)) {
      values[field.key] = write_options(group->visit);
    } else if (const auto* list = std::get_if<GroupListRef>(&ref)) {
      ordered_json& all = values[field.key] = ordered_json::array();
      for (std::size_t i = 0; i < list->size(); ++i) {
        all.push_back(write_options([&](OptionVisitor& visitor) { list->visit(i, visitor); }));
      }
    } else if (const auto* plugin = std::get_if<PluginRef>(&ref)) {
      if (!*plugin->spec) return;
      ordered_json& block = values[field.key] = ordered_json{{"type", plugin->spec->type}};
      if (plugin->spec->options.is_object()) block.update(plugin->spec->options);
    } else {
      values[field.key] = detail::plain_value(ref);
    }
  }
  void check(const std::function<void(OptionErrors&)>&) override {}

  ordered_json values = ordered_json::object();
};

class RowWriter final : public OptionVisitor {
 public:
  RowWriter(std::vector<OptionRow>& rows, std::string path)
      : rows_(rows), path_(std::move(path)), depth_(0) {}

  void field(const Field& field, const FieldRef& ref) override {
    OptionRow row;
    row.key = detail::join_path(path_, field.key);
    row.type = detail::type_name(ref);
    row.help = field.help;
    if (const auto* group = std::get_if<GroupRef>(&ref)) {
      rows_.push_back(row);
      nested(row.key, group->visit);
    } else if (const auto* list = std::get_if<GroupListRef>(&ref)) {
      OptionWriter writer;
      writer.field(field, ref);
      row.value = writer.values[field.key].dump();
      rows_.push_back(row);
      nested(row.key + "[]", list->visit_default);
    } else if (const auto* plugin = std::get_if<PluginRef>(&ref)) {
      if (*plugin->spec) row.value = nlohmann::json(plugin->spec->type).dump();
      if (!*plugin->spec && plugin->required) row.range = "required";
      rows_.push_back(row);
    } else {
      row.value = detail::plain_value(ref).dump();
      row.range = field.choices.empty() ? detail::range_text(field.range)
                                        : detail::one_of_text(field.choices);
      rows_.push_back(row);
    }
  }
  void check(const std::function<void(OptionErrors&)>&) override {}

 private:
  void nested(const std::string& path, const OptionWalk& walk) {
    // A struct with a list of its own kind would never end.
    if (depth_ >= detail::kMaxGroupDepth) return;
    RowWriter inner(rows_, path);
    inner.depth_ = depth_ + 1;
    walk(inner);
  }

  std::vector<OptionRow>& rows_;
  std::string path_;
  int depth_;
};

}  // namespace

nlohmann::ordered_json write_options(const OptionWalk& walk) {
  OptionWriter writer;
  walk(writer);
  return std::move(writer.values);
}

std::vector<OptionRow> option_rows(const OptionWalk& walk) {
  std::vector<OptionRow> rows;
  RowWriter writer(rows, "");
  walk(writer);
  return rows;
}

}  // namespace deneb
