#include <deneb/plugin/registry.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <typeinfo>

namespace deneb {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Shape {
 public:
  static constexpr const char* kKind = "shape";
  virtual ~Shape() = default;
  virtual double area() const = 0;
};

class Color {
 public:
  static constexpr const char* kKind = "color";
  virtual ~Color() = default;
};

struct RectangleOptions {
  double width = 2;
  double height = 3;
  std::string note;

  template <class V>
  void visit(V& v) {
    v("width", width, "length of the horizontal sides", {0.5, 100});
    v("height", height, "length of the vertical sides", {0.5, 100});
    v("note", note, "makes the constructor fail when \"fail\"");
  }
  void check(OptionErrors& errors) const {
    if (width > 50 && height > 50) errors.add("width", "one side must be at most 50");
  }
};

int constructed = 0;

class Rectangle final : public Shape {
 public:
  using Options = RectangleOptions;
  explicit Rectangle(const Options& options) : options_(options) {
    ++constructed;
    if (options.note == "fail") throw std::length_error("no room for a rectangle");
    if (options.note == "data") throw DataError("the rectangle's file is missing");
  }
  double area() const override { return options_.width * options_.height; }

 private:
  Options options_;
};

class Red final : public Color {
 public:
  using Options = NoOptions;
  explicit Red(const Options&) {}
};

void add_shapes(Registrar& registrar) {
  registrar.add<Shape, Rectangle>("Rectangle", "four sides");
  registrar.add<Shape, Rectangle>("Square", "a rectangle by another name");
  registrar.add<Color, Red>("Red", "a color");
}

template <class Call>
std::string plugin_error(const Call& call) {
  try {
    call();
  } catch (const PluginError& e) {
    EXPECT_EQ(e.exit_code(), kExitPlugin);
    return e.what();
  }
  return "no PluginError";
}

template <class Call>
std::string config_error(const Call& call) {
  try {
    call();
  } catch (const ConfigError& e) {
    EXPECT_EQ(e.exit_code(), kExitConfig);
    return e.what();
  }
  return "no ConfigError";
}

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() {
    registry.add_plugin("shapes", add_shapes);
    constructed = 0;
  }
  Registry registry;
};

TEST_F(RegistryTest, FindsByKindAndName) {
  ASSERT_NE(registry.find("shape", "Rectangle"), nullptr);
  EXPECT_EQ(registry.find("shape", "Red"), nullptr);
  EXPECT_EQ(registry.find("color", "Rectangle"), nullptr);
  const RegistryEntry& entry = registry.at("shape", "Rectangle");
  EXPECT_EQ(entry.kind, "shape");
  EXPECT_EQ(entry.name, "Rectangle");
  EXPECT_EQ(entry.help, "four sides");
  EXPECT_EQ(entry.plugin, "shapes");
}

TEST_F(RegistryTest, ListsSortedByKindAndName) {
  EXPECT_THAT(registry.names("shape"), ElementsAre("Rectangle", "Square"));
  EXPECT_THAT(registry.names("sound"), IsEmpty());
  std::vector<std::string> all;
  for (const RegistryEntry* entry : registry.entries()) all.push_back(entry->kind + entry->name);
  EXPECT_THAT(all, ElementsAre("colorRed", "shapeRectangle", "shapeSquare"));
}

TEST_F(RegistryTest, EntriesOfTheCoreAreMarkedSo) {
  RegistryEntry entry = registry.at("shape", "Rectangle");
  entry.name = "Builtin";
  entry.plugin.clear();
  registry.add_entry(entry);
  EXPECT_EQ(registry.at("shape", "Builtin").plugin, "core");
}

TEST_F(RegistryTest, IncompleteEntriesAreRefused) {
  RegistryEntry entry = registry.at("shape", "Rectangle");
  entry.name = "Broken";
  entry.make = nullptr;
  EXPECT_THAT(plugin_error([&] { registry.add_entry(entry); }),
              AllOf(HasSubstr("shape 'Broken'"), HasSubstr("Registrar::add()")));
}

TEST_F(RegistryTest, ADuplicateNamesBothPluginsAndCommitsNothing) {
  const auto more = [](Registrar& registrar) {
    registrar.add<Shape, Rectangle>("Oblong", "new");
    registrar.add<Shape, Rectangle>("Square", "there already");
  };
  EXPECT_THAT(plugin_error([&] { registry.add_plugin("more_shapes", more); }),
              AllOf(HasSubstr("shape 'Square'"), HasSubstr("'more_shapes'"), HasSubstr("'shapes'"),
                    HasSubstr("rename one")));
  EXPECT_EQ(registry.find("shape", "Oblong"), nullptr);
  EXPECT_EQ(registry.at("shape", "Square").plugin, "shapes");
}

TEST_F(RegistryTest, APluginThatRegistersANameTwiceCommitsNothing) {
  const auto twice = [](Registrar& registrar) {
    registrar.add<Shape, Rectangle>("Oblong", "first");
    registrar.add<Shape, Rectangle>("Oblong", "second");
  };
  EXPECT_THAT(plugin_error([&] { registry.add_plugin("twice", twice); }),
              AllOf(HasSubstr("plugin 'twice'"), HasSubstr("shape 'Oblong' twice")));
  EXPECT_EQ(registry.find("shape", "Oblong"), nullptr);
}

TEST_F(RegistryTest, OneNameMayStandForSeveralKinds) {
  registry.add_plugin("paint", [](Registrar& r) { r.add<Color, Red>("Rectangle", "a color"); });
  EXPECT_EQ(registry.at("color", "Rectangle").plugin, "paint");
  EXPECT_EQ(registry.at("shape", "Rectangle").plugin, "shapes");
}

TEST_F(RegistryTest, EntriesStayWhereTheyAreWhenOthersCome) {
  const RegistryEntry* before = registry.find("shape", "Square");
  registry.add_plugin("more", [](Registrar& registrar) {
    for (int i = 0; i < 100; ++i) {
      registrar.add<Shape, Rectangle>("Shape" + std::to_string(i), "one of many");
    }
  });
  EXPECT_EQ(registry.find("shape", "Square"), before);
}

TEST_F(RegistryTest, AnUnknownNameGetsTheNearestOne) {
  EXPECT_THAT(plugin_error([&] { registry.at("shape", "Rectangel"); }),
              AllOf(HasSubstr("unknown shape 'Rectangel'"), HasSubstr("did you mean 'Rectangle'?"),
                    HasSubstr("Registered: Rectangle, Square")));
  EXPECT_THAT(plugin_error([&] { registry.at("shape", "Dodecahedron"); }),
              AllOf(Not(HasSubstr("did you mean")), HasSubstr("Registered: Rectangle, Square")));
  EXPECT_THAT(plugin_error([&] { registry.at("sound", "Bell"); }),
              AllOf(HasSubstr("no loaded plugin brings a sound"), HasSubstr("DENEB_PLUGIN_PATH")));
  EXPECT_THAT(plugin_error([&] {
                registry.make<Shape>({"Sqare", {}});
              }),
              HasSubstr("did you mean 'Square'?"));
}

TEST_F(RegistryTest, MakesAnObjectWithDefaultsAndWithOptions) {
  EXPECT_DOUBLE_EQ(registry.make<Shape>({"Rectangle", {}})->area(), 6);
  EXPECT_DOUBLE_EQ(registry.make<Shape>({"Rectangle", {{"width", 4}}})->area(), 12);
  EXPECT_DOUBLE_EQ(registry.make<Shape>({"Square", {{"width", 4}, {"height", 0.5}}})->area(), 2);
  EXPECT_EQ(constructed, 3);
}

TEST_F(RegistryTest, WithoutATypeItIsAConfigError) {
  EXPECT_THAT(config_error([&] { registry.make<Shape>(PluginSpec{}); }),
              AllOf(HasSubstr("no shape is given"), HasSubstr("\"type\"")));
}

TEST_F(RegistryTest, AllWrongOptionsComeAtOnceAndNothingIsConstructed) {
  const PluginSpec spec{"Rectangle", {{"widht", 4}, {"height", 1000}, {"note", 5}}};
  EXPECT_THAT(
      config_error([&] { registry.make<Shape>(spec); }),
      AllOf(HasSubstr("options of shape 'Rectangle'"), HasSubstr("widht"), HasSubstr("'width'"),
            HasSubstr("Rectangle.height"), HasSubstr("1000"), HasSubstr("Rectangle.note")));
  EXPECT_EQ(constructed, 0);
}

TEST_F(RegistryTest, RulesThatSpanFieldsAreChecked) {
  const PluginSpec spec{"Rectangle", {{"width", 60}, {"height", 60}}};
  EXPECT_THAT(config_error([&] { registry.make<Shape>(spec); }),
              HasSubstr("one side must be at most 50"));
  EXPECT_EQ(constructed, 0);
}

TEST_F(RegistryTest, AConstructorsExceptionNamesThePlugin) {
  EXPECT_THAT(plugin_error([&] {
                registry.make<Shape>({"Rectangle", {{"note", "fail"}}});
              }),
              AllOf(HasSubstr("plugin 'shapes'"), HasSubstr("construction of Rectangle"),
                    HasSubstr("no room for a rectangle")));
}

TEST_F(RegistryTest, DenebErrorsOfAConstructorKeepTheirType) {
  try {
    registry.make<Shape>({"Rectangle", {{"note", "data"}}});
    FAIL() << "the error is gone";
  } catch (const Error& e) {
    EXPECT_EQ(typeid(e), typeid(DataError));
    EXPECT_STREQ(e.what(), "the rectangle's file is missing");
  }
}

TEST_F(RegistryTest, AMakeFunctionWithoutAnObjectIsThePluginsFault) {
  RegistryEntry entry = registry.at("shape", "Rectangle");
  entry.name = "Nothing";
  entry.make = [](OptionVisitor& visitor) -> std::shared_ptr<void> {
    RectangleOptions options;
    visitor.visit(options);
    return nullptr;
  };
  registry.add_entry(entry);
  EXPECT_THAT(plugin_error([&] {
                registry.make<Shape>({"Nothing", {}});
              }),
              HasSubstr("made no object for shape 'Nothing'"));
}

TEST_F(RegistryTest, OptionsOfAPluginThatThrowsNameIt) {
  RegistryEntry entry = registry.at("shape", "Rectangle");
  entry.name = "Thrower";
  entry.plugin = "throwers";
  entry.options = [](OptionVisitor&) { throw std::runtime_error("visit is broken"); };
  registry.add_entry(entry);
  EXPECT_THAT(plugin_error([&] { write_options(*registry.options_of("shape", "Thrower")); }),
              AllOf(HasSubstr("plugin 'throwers'"), HasSubstr("options of Thrower"),
                    HasSubstr("visit is broken")));
  EXPECT_EQ(registry.options_of("shape", "Nobody"), nullptr);
}

TEST_F(RegistryTest, OptionsOfGivesTheDefaults) {
  const auto* options = registry.options_of("shape", "Rectangle");
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(write_options(*options).dump(), R"({"width":2.0,"height":3.0,"note":""})");
}

// --- lifetime -----------------------------------------------------------------------------------

class Tracked final : public Shape {
 public:
  using Options = NoOptions;
  explicit Tracked(const Options&) {}
  ~Tracked() override { log().push_back("object"); }
  double area() const override { return 1; }
  static std::vector<std::string>& log() {
    static std::vector<std::string> entries;
    return entries;
  }
};

TEST(RegistryLifetime, TheObjectOutlivesTheRegistryAndGoesBeforeItsLibrary) {
  Tracked::log().clear();
  std::shared_ptr<Shape> shape;
  {
    auto library =
        std::shared_ptr<void>(&Tracked::log(), [](void*) { Tracked::log().push_back("library"); });
    Registry registry;
    registry.add_plugin(
        "tracked", [](Registrar& r) { r.add<Shape, Tracked>("Tracked", "logs its end"); },
        std::move(library));
    shape = registry.make<Shape>({"Tracked", {}});
  }
  EXPECT_THAT(Tracked::log(), IsEmpty());
  EXPECT_DOUBLE_EQ(shape->area(), 1);
  shape.reset();
  EXPECT_THAT(Tracked::log(), ElementsAre("object", "library"));
}

TEST(RegistryLifetime, AFailedPluginLetsItsLibraryGo) {
  bool gone = false;
  Registry registry;
  auto library = std::shared_ptr<void>(&gone, [](void* flag) { *static_cast<bool*>(flag) = true; });
  EXPECT_THROW(registry.add_plugin(
                   "failing",
                   [](Registrar& r) {
                     add_shapes(r);
                     throw std::runtime_error("too late");
                   },
                   std::move(library)),
               PluginError);
  EXPECT_TRUE(gone);
  EXPECT_THAT(registry.entries(), IsEmpty());
}

TEST_F(RegistryTest, ManyThreadsMayMakeAtOnce) {
  std::vector<std::thread> threads;
  std::vector<double> sums(4, 0);
  for (std::size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 50; ++i) {
        const auto color = registry.make<Color>({"Red", {}});
        sums[t] += registry.at("shape", "Square").help.empty() || !color ? 0 : i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(sums, testing::Each(1275));
}

}  // namespace
}  // namespace deneb
