#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

#include <deneb/io/files.h>
#include <deneb/report/report.h>

#include "e2e/browser/chromium.h"
#include "plugins/plugin_registry.h"
#include "plugins/reports/comparison_fixture.h"
#include "plugins/reports/synthetic_task.h"

/// The HTML report in a real browser: charts are drawn, nothing complains, nothing is fetched.
namespace deneb {
namespace {

using browser::Chromium;
using testing::IsEmpty;

// What the page shows of a figure, from the layout: boxes, and marks with their sizes.
constexpr const char* kMeasure = R"js(
(function () {
  var result = {};
  document.querySelectorAll('figure').forEach(function (figure) {
    var boxes = [], marks = 0, empty = 0;
    figure.querySelectorAll('svg').forEach(function (svg) {
      var box = svg.getBoundingClientRect();
      if (box.width === 0 && box.height === 0 && svg.closest('[hidden]')) return;
      boxes.push([Math.round(box.width), Math.round(box.height)]);
      svg.querySelectorAll('.mark').forEach(function (mark) {
        marks += 1;
        var size = mark.getBoundingClientRect();
        if (size.width === 0 && size.height === 0) empty += 1;
      });
    });
    result[figure.id] = { boxes: boxes, marks: marks, empty: empty };
  });
  return result;
})()
)js";

class ReportInBrowser : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "/deneb_browser_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = new std::string(pattern);
    chromium_ = new Chromium(DENEB_CHROMIUM, pattern + "/profile");
  }
  static void TearDownTestSuite() {
    delete chromium_;
    chromium_ = nullptr;
    std::error_code ignored;
    if (root_) std::filesystem::remove_all(*root_, ignored);
    delete root_;
    root_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(chromium_, nullptr) << "the browser did not start";
    chromium_->emulate("", "light");
    chromium_->resize(1280, 900);
  }

  /// Writes the report of a made-up task.
  void write_report(const synthetic::Options& options) {
    task_ = *root_ + "/task" + std::to_string(++tasks_) + " <b>&";
    synthetic::make_task(task_, options);
    const auto registry = plugin_test::load({"html"});
    const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
    const auto report = plugin_test::make<Report>(*registry, "html");
    const auto start = std::chrono::steady_clock::now();
    path_ = report->write({store, task_, synthetic::config()}, "");
    write_seconds_ = seconds_since(start);
    front_ = 0;
    for (const ResultRow& row : store.trials("nas")) front_ += row.front;
  }

  void open_report(const synthetic::Options& options = {}) {
    write_report(options);
    chromium_->open(path_);
    settle();
  }

  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  /// Waits until what has been changed is on the screen.
  void settle() {
    chromium_->evaluate(
        "new Promise(function (done) { requestAnimationFrame(function () { "
        "requestAnimationFrame(done); }); })");
  }

  /// Figure id -> boxes, marks; fails for figures that are not really there.
  nlohmann::json measure() {
    const nlohmann::json figures = chromium_->evaluate(kMeasure);
    for (const auto& item : figures.items()) {
      const auto& figure = item.value();
      EXPECT_EQ(figure["boxes"].size(), 1u) << item.key() << ": one view is shown at a time";
      for (const auto& box : figure["boxes"]) {
        EXPECT_GE(box[0].get<int>(), 250) << item.key();
        EXPECT_GE(box[1].get<int>(), 120) << item.key();
      }
      EXPECT_GT(figure["marks"].get<int>(), 0) << item.key();
      EXPECT_EQ(figure["empty"].get<int>(), 0) << item.key() << ": marks without size";
    }
    return figures;
  }

  void expect_silence() {
    EXPECT_THAT(chromium_->complaints(), IsEmpty());
    EXPECT_THAT(chromium_->requests(), IsEmpty());
  }

  /// No sideways scrolling of the page as a whole.
  void expect_fits(int width) {
    chromium_->resize(width, 900);
    settle();
    EXPECT_LE(chromium_->evaluate("document.documentElement.scrollWidth").get<int>(), width);
  }

  static std::string* root_;
  static Chromium* chromium_;
  static int tasks_;
  std::string task_, path_;
  double write_seconds_ = 0;
  int front_ = 0;
};

std::string* ReportInBrowser::root_ = nullptr;
Chromium* ReportInBrowser::chromium_ = nullptr;
int ReportInBrowser::tasks_ = 0;

TEST_F(ReportInBrowser, DrawsTheChartsInSilence) {
  open_report();
  EXPECT_EQ(chromium_->evaluate("document.querySelectorAll('tr[id^=\"nas-\"]').length"), 30);
  const nlohmann::json figures = measure();
  ASSERT_EQ(figures.size(), 8u) << figures.dump();
  const int layers = 22;
  EXPECT_EQ(figures["pareto-nas"]["marks"], 30);
  EXPECT_EQ(figures["models-fully_train"]["marks"], 7);
  EXPECT_EQ(figures["bits-nas"]["marks"], 2 * layers * front_);
  EXPECT_EQ(figures["layers-nas"]["marks"], 3 * layers);
  EXPECT_GE(figures["loss-fully_train"]["marks"].get<int>(), 6);
  EXPECT_GE(figures["validation-fully_train"]["marks"].get<int>(), 6);
  EXPECT_GE(figures["loss-float"]["marks"].get<int>(), 1);
  EXPECT_EQ(chromium_->evaluate("document.querySelectorAll('#pareto-nas .mark.failed').length"), 2);
  // What stands in the message of the failed trials did not run.
  EXPECT_EQ(chromium_->evaluate("document.title.indexOf('Deneb report') > 0"), true);
  expect_silence();
}

TEST_F(ReportInBrowser, DrawsTheFiguresOfASearch) {
  const char* folder = std::getenv("DENEB_SCREENSHOTS");
  for (const int places : {3, 18, 52, 200}) {
    open_report({30, 2, false, 1, places});
    const nlohmann::json figures = measure();
    EXPECT_GE(figures["figure-nas-1"]["marks"].get<int>(), 5 * places);
    EXPECT_GE(figures["figure-nas-2"]["marks"].get<int>(), 80);
    EXPECT_EQ(figures["heat-map-nas-1"]["marks"], 5 * places);
    // Every place has its name.
    const std::string texts =
        "Array.from(document.querySelectorAll('#figure-nas-1 svg text'))"
        ".map(function (t) { return t.textContent; })";
    const std::string names = chromium_->evaluate(texts).dump();
    EXPECT_THAT(names, testing::HasSubstr("layer1.0.conv1"));
    EXPECT_THAT(names, testing::HasSubstr("fc</script><script>"));
    EXPECT_EQ(names.find("layer4.50.conv1") != std::string::npos, places >= 52);
    if (folder) {
      chromium_->screenshot(std::string(folder) + "/figures-" + std::to_string(places) + ".png");
    }
    expect_fits(400);
    chromium_->resize(1280, 900);
    EXPECT_EQ(chromium_->evaluate("document.title.indexOf('Deneb report') > 0"), true);
    expect_silence();
  }
}

TEST_F(ReportInBrowser, ShowsTheViewThatIsChosen) {
  open_report({30, 3, true, 1});
  for (const char* figure : {"pareto-nas", "layers-nas", "validation-fully_train"}) {
    const std::string select = "document.querySelector('#" + std::string(figure) + " select')";
    const std::string picture =
        "Array.from(document.querySelectorAll('#" + std::string(figure) +
        " svg')).filter(function (s) { return s.getBoundingClientRect().width > 0; })"
        ".map(function (s) { return s.textContent; }).join()";
    const nlohmann::json before = chromium_->evaluate(picture);
    ASSERT_GT(before.get<std::string>().size(), 10u);
    const int last = chromium_->evaluate(select + ".options.length - 1");
    ASSERT_GT(last, 0);
    chromium_->evaluate("(function (s) { s.selectedIndex = " + std::to_string(last) +
                        "; s.dispatchEvent(new Event('change')); })(" + select + ")");
    settle();
    EXPECT_NE(chromium_->evaluate(picture), before) << figure;
  }
  measure();
  expect_silence();
}

TEST_F(ReportInBrowser, SortsTables) {
  open_report();
  const auto column = [&](int index) {
    return chromium_->evaluate(
        "Array.from(document.querySelector('#step-nas table.sortable').tBodies[0].rows)"
        ".map(function (r) { return r.cells[" +
        std::to_string(index) +
        "]; })"
        ".map(function (c) { return c.hasAttribute('data-key') ? Number(c.dataset.key) : null; })");
  };
  const auto click = [&](int index) {
    chromium_->evaluate("document.querySelectorAll('#step-nas th button')[" +
                        std::to_string(index) + "].click()");
  };
  ASSERT_EQ(
      chromium_->evaluate("document.querySelectorAll('#step-nas .sortable th')[4].textContent"),
      "accuracy");
  for (const bool ascending : {true, false}) {
    click(4);
    const nlohmann::json values = column(4);
    ASSERT_EQ(values.size(), 30u);
    for (std::size_t i = 1; i < 28; ++i) {
      const double a = values[i - 1], b = values[i];
      EXPECT_TRUE(ascending ? a <= b : a >= b) << i;
    }
    // The failed ones have none and stay at the end.
    EXPECT_TRUE(values[28].is_null() && values[29].is_null());
    EXPECT_EQ(
        chromium_->evaluate(
            "document.querySelectorAll('#step-nas .sortable th')[4].getAttribute('aria-sort')"),
        ascending ? "ascending" : "descending");
  }
  click(0);
  EXPECT_EQ(column(0)[29], 30);
  expect_silence();
}

TEST_F(ReportInBrowser, FitsNarrowAndWideWindowsAndBothSchemes) {
  open_report();
  const char* const kPage = "getComputedStyle(document.body).backgroundColor";
  EXPECT_EQ(chromium_->evaluate(kPage), "rgb(255, 255, 255)");
  const char* folder = std::getenv("DENEB_SCREENSHOTS");  // where to leave pictures to look at
  for (const std::string scheme : {"light", "dark"}) {
    chromium_->emulate("", scheme);
    for (const int width : {400, 1280}) {
      expect_fits(width);
      measure();
      if (!folder) continue;
      chromium_->screenshot(std::string(folder) + "/report-" + scheme + "-" +
                            std::to_string(width) + ".png");
    }
  }
  EXPECT_EQ(chromium_->evaluate(kPage), "rgb(18, 23, 29)");
  // Paper is white, whatever the screen prefers.
  chromium_->emulate("print", "dark");
  EXPECT_EQ(chromium_->evaluate(kPage), "rgb(255, 255, 255)");
  expect_silence();
}

TEST_F(ReportInBrowser, HeatMapsHaveColorsOfTheScheme) {
  open_report({30, 2, false, 1, 22});
  const std::string level = "getComputedStyle(document.querySelector('#heat-map-nas-1 .mark.h";
  std::set<std::string> colors;
  for (const char* scheme : {"light", "dark"}) {
    chromium_->emulate("", scheme);
    for (const char* end : {"0", "15"}) {
      colors.insert(chromium_->evaluate(level + end + "')).fill").get<std::string>());
    }
  }
  EXPECT_EQ(colors.size(), 4u);
  EXPECT_EQ(colors.count("none") + colors.count("rgb(0, 0, 0)"), 0u);
  expect_silence();
}

/// Tasks of the fixture of the comparison's own tests.
class Compared final : public ComparisonTest {
 public:
  Compared() { SetUp(); }
  ~Compared() override { TearDown(); }
  void TestBody() override {}
  using ComparisonTest::root_;
  using ComparisonTest::table;
};

TEST_F(ReportInBrowser, LaysTasksSideBySide) {
  Compared compared;
  const auto registry = plugin_test::load({"html"});
  const auto report = plugin_test::make<ComparisonReport>(*registry, "html");
  chromium_->open(report->write(compared.table(), compared.root_ + "/compared").front());
  settle();
  const nlohmann::json figures = chromium_->evaluate(kMeasure);
  for (const char* id : {"differences", "fronts-chart", "widths-chart", "scores-chart"}) {
    ASSERT_TRUE(figures.contains(id)) << figures.dump();
    EXPECT_EQ(figures[id]["boxes"].size(), 1u) << id;
    EXPECT_GT(figures[id]["marks"].get<int>(), 0) << id;
    EXPECT_EQ(figures[id]["empty"].get<int>(), 0) << id;
  }
  EXPECT_EQ(figures["fronts-chart"]["marks"], 11);  // models
  // The numbers that are seen are those of the data.
  EXPECT_TRUE(chromium_
                  ->evaluate(R"js(
    (function () {
      var data = JSON.parse(document.getElementById('deneb-data').textContent);
      var rows = document.querySelectorAll('#accuracy tbody tr');
      return rows.length === data.tables.accuracy.rows.length &&
        Array.prototype.every.call(rows, function (row, r) {
          return data.tables.accuracy.rows[r].every(function (value, c) {
            var cell = row.cells[c];
            return typeof value === 'number' ? Number(cell.dataset.key) === value
                                             : cell.textContent === value;
          });
        });
    })()
  )js")
                  .get<bool>());
  for (const char* scheme : {"light", "dark"}) {
    chromium_->emulate("", scheme);
    for (const int width : {400, 1280}) expect_fits(width);
  }
  expect_silence();
}

TEST_F(ReportInBrowser, OpensALargeTask) {
  synthetic::Options options;
  options.trials = 50000;
  options.objectives = 3;
  options.places = 52;
  options.bulk = true;
  write_report(options);
  const auto size = std::filesystem::file_size(path_);
  EXPECT_LT(size, 6'000'000u);
  const auto start = std::chrono::steady_clock::now();
  chromium_->open(path_);
  const double open_seconds = seconds_since(start);
  std::printf("50000 trials: written in %.2f s, %.2f MB, opened in %.2f s\n", write_seconds_,
              double(size) / 1e6, open_seconds);
  const nlohmann::json figures = measure();
  EXPECT_GT(figures["pareto-nas"]["marks"].get<int>(), 300);
  EXPECT_LE(figures["pareto-nas"]["marks"].get<int>(), 1500);
  EXPECT_EQ(chromium_->evaluate("document.querySelectorAll('tr[id^=\"nas-\"]').length"), 500);
  if (const char* folder = std::getenv("DENEB_SCREENSHOTS")) {
    chromium_->screenshot(std::string(folder) + "/large.png");
  }
  expect_silence();
}

/// The watch itself: a page that complains and fetches is noticed.
TEST(BrowserWatch, NoticesComplaintsAndRequests) {
  std::string pattern = testing::TempDir() + "/deneb_watch_XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::string path = pattern + "/page.html";
  write_file_atomically(path,
                        "<!DOCTYPE html><title>t</title><img src=\"missing.png\"><script>"
                        "console.error('one'); console.warn('two'); console.log('a remark');"
                        "setTimeout(function () { undefined_function(); }, 0);</script>");
  {
    Chromium chromium(DENEB_CHROMIUM, pattern + "/profile");
    chromium.open(path);
    chromium.evaluate("new Promise(function (done) { setTimeout(done, 200); })");
    std::string all;
    for (const std::string& complaint : chromium.complaints()) all += complaint + "\n";
    for (const char* part : {"\"one\"", "\"two\"", "undefined_function", "ERR_FILE_NOT_FOUND"}) {
      EXPECT_THAT(all, testing::HasSubstr(part));
    }
    EXPECT_THAT(all, testing::Not(testing::HasSubstr("a remark")));
    ASSERT_EQ(chromium.requests().size(), 1u);
    EXPECT_THAT(chromium.requests()[0], testing::HasSubstr("missing.png"));
    EXPECT_THROW(chromium.evaluate("no_such_thing"), std::runtime_error);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace deneb
