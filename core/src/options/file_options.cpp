#include <deneb/options/config.h>

#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using nlohmann::ordered_json;

class FileFinder final : public OptionVisitor {
 public:
  FileFinder(ordered_json& object, std::string path, const PluginCatalog& catalog,
             const FileVisit& visit)
      : object_(object), path_(std::move(path)), catalog_(catalog), visit_(visit) {}

  void field(const Field& field, const FieldRef& ref) override {
    const auto found = object_.find(field.key);
    if (found == object_.end()) return;
    ordered_json& value = *found;
    const std::string path = detail::join_path(path_, field.key);
    std::visit(
        detail::Overloaded{[&](const FileRef& file) {
                             if (!value.is_string()) return;
                             auto text = value.get<std::string>();
                             visit_(path, file, text);
                             value = text;
                           },
                           [&](const GroupRef& group) { descend(value, path, group.visit); },
                           [&](const GroupListRef& list) {
                             if (!value.is_array()) return;
                             for (std::size_t i = 0; i < value.size(); ++i) {
                               descend(value[i], detail::element_path(path, i), list.visit_default);
                             }
                           },
                           [&](const PluginRef& plugin) {
                             if (!value.is_object()) return;
                             const auto type = value.find("type");
                             const bool named = type != value.end() && type->is_string();
                             const OptionWalk* walk = catalog_.options_of(
                                 plugin.kind, named ? type->get<std::string>() : plugin.spec->type);
                             if (walk != nullptr) descend(value, path, *walk);
                           },
                           [](auto*) {}},
        ref);
  }
  void check(const std::function<void(OptionErrors&)>&) override {}

 private:
  void descend(ordered_json& value, const std::string& path, const OptionWalk& walk) const {
    if (!value.is_object()) return;
    FileFinder inner(value, path, catalog_, visit_);
    walk(inner);
  }

  ordered_json& object_;
  const std::string path_;
  const PluginCatalog& catalog_;
  const FileVisit& visit_;
};

}  // namespace

void visit_files(const OptionWalk& walk, ordered_json& object, const std::string& path,
                 const PluginCatalog& catalog, const FileVisit& visit) {
  if (!object.is_object()) return;
  FileFinder finder(object, path, catalog, visit);
  walk(finder);
}

}  // namespace deneb
