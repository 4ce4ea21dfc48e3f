#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>

#include "plugins/reports/report_fixture.h"

namespace deneb {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++n;
  return n;
}

/// As HasSubstr, but does not print the whole page when it fails.
testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not on the page: " << part;
}
testing::AssertionResult lacks(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "on the page: " << part;
}

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return "";
  const std::size_t start = begin + from.size();
  return text.substr(start, text.find(to, start) - start);
}

nlohmann::json embedded(const std::string& page, const std::string& id) {
  return nlohmann::json::parse(
      between(page, "<script type=\"application/json\" id=\"" + id + "\">", "</script>"));
}

/// The page without the contents of its scripts and styles.
std::string markup(const std::string& page) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t script = page.find("<script", at), style = page.find("<style", at);
    const std::size_t next = std::min(script, style);
    if (next == std::string::npos) break;
    const std::size_t close = page.find(next == script ? "</script>" : "</style>", next);
    out += page.substr(at, page.find('>', next) + 1 - at);
    at = close;
  }
  return out + page.substr(at);
}

/// Attributes and style sheets that would make a browser fetch something.
void expect_no_fetches(const std::string& page) {
  const std::string tags = markup(page);
  for (const char* attribute : {" src=", " srcset=", " action=", " poster=", " background="}) {
    EXPECT_EQ(count(tags, attribute), 0u) << attribute;
  }
  for (std::size_t i = tags.find(" href=\""); i != std::string::npos;
       i = tags.find(" href=\"", i + 1)) {
    const std::string target = tags.substr(i + 7, 5);
    EXPECT_TRUE(target[0] == '#' || target == "data:") << tags.substr(i, 60);
  }
  EXPECT_EQ(count(tags, "<iframe") + count(tags, "<img") + count(tags, "<object"), 0u);
  const std::string style = between(page, "<style>", "</style>");
  EXPECT_GT(style.size(), 1000u);
  EXPECT_EQ(count(style, "url(") + count(style, "@import") + count(style, "@font-face"), 0u);
  EXPECT_TRUE(has(page, "Content-Security-Policy\" content=\"default-src 'none'"));
}

class HtmlTest : public ReportTest {
 protected:
  std::string page(const nlohmann::json& options = nlohmann::json::object()) {
    EXPECT_EQ(write("html", "", options), task_ + "/output/report.html");
    return output("report.html");
  }
};

TEST_F(HtmlTest, HoldsAllFigures) {
  synthetic::make_task(task_);
  const std::string text = page();
  EXPECT_EQ(text.rfind("<!DOCTYPE html>", 0), 0u);
  const auto data = embedded(text, "deneb-data");
  EXPECT_EQ(data["network"], "ResNetCifar");
  EXPECT_EQ(data["dataset"], "Cifar10");
  EXPECT_EQ(data["algorithm"], "QuantEA");
  EXPECT_EQ(data["seed"], "10");
  EXPECT_EQ(data["status"], "finished");
  ASSERT_EQ(data["steps"].size(), 3u);
  ASSERT_EQ(data["steps"][1]["trials"].size(), 30u);
  ASSERT_EQ(data["steps"][2]["trials"].size(), 6u);
  EXPECT_EQ(data["steps"][2]["trials"][0]["epochs"].size(), 20u);
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  for (const auto& trial : data["steps"][1]["trials"]) {
    const auto row = store.trial("nas", trial["id"]);
    EXPECT_EQ(nlohmann::json(row->metrics), trial["metrics"]);
    EXPECT_EQ(row->front, trial["front"].get<bool>());
    EXPECT_EQ(count(text, "<tr id=\"nas-" + std::to_string(row->id) + "\""), 1u);
  }
  for (const char* part :
       {"How to read this report", "Search algorithm", "QuantEA", "30 policies tried",
        "2 of them failed", "5 models trained beside 1 baseline", "are on the Pareto front",
        "uniform w4a4", "uniform w8a8", "layer3.2.conv2"}) {
    EXPECT_TRUE(has(text, part));
  }
}

TEST_F(HtmlTest, DrawsEveryTrialAndEveryMember) {
  synthetic::make_task(task_);
  const std::string text = page();
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  std::size_t front = 0;
  for (const ResultRow& row : store.trials("nas")) front += row.front;
  const std::string pareto = between(text, "id=\"pareto-nas\"", "</figure>");
  EXPECT_EQ(count(pareto, "class=\"mark front\""), front);
  EXPECT_EQ(count(pareto, "class=\"mark trial\""), 28 - front);
  EXPECT_EQ(count(pareto, "class=\"mark failed\""), 2u);
  EXPECT_EQ(count(pareto, "class=\"front-line\""), 1u);
  EXPECT_EQ(count(pareto, "<select"), 0u);
  // 22 layers, weights and activations.
  EXPECT_EQ(count(between(text, "id=\"bits-nas\"", "</figure>"), "class=\"mark bit w"),
            front * 22 * 2);
  const std::string bars = between(text, "id=\"layers-nas\"", "</figure>");
  EXPECT_EQ(count(bars, "<option"), front);
  EXPECT_EQ(count(bars, "<svg"), front);
  EXPECT_EQ(count(bars, "class=\"mark bit w"), front * 22 * 2);
  EXPECT_EQ(count(bars, "class=\"pin\""), front * 2);
  EXPECT_EQ(count(between(text, "id=\"loss-fully_train\"", "</figure>"), "class=\"mark curve"), 6u);
  const std::string models = between(text, "id=\"models-fully_train\"", "</figure>");
  EXPECT_EQ(count(models, "class=\"mark front\""), 5u);
  EXPECT_EQ(count(models, "class=\"mark baseline\""), 2u);
}

TEST_F(HtmlTest, ComparesWithFloatAndUniform) {
  synthetic::make_task(task_);
  const std::string text = page();
  const std::string table = between(text, "<caption>Models of step fully_train", "</table>");
  // float32: 1.00 times less; uniform W4A4 with 8-bit first and last layer.
  // The float model of another step is borrowed.
  const std::string float_row = between(table, "float32 (step float)", "</tr>");
  EXPECT_THAT(float_row, HasSubstr("41.79 G<small>1.00\xc3\x97</small>"));
  const std::string uniform_row = between(table, "<tr id=\"fully_train-6\"", "</tr>");
  // 40370176 * 16 + (442368 + 640) * 64 = 674275328 of 41792700416: 61.98 times.
  EXPECT_THAT(uniform_row, AllOf(HasSubstr("data-key=\"674275328\""),
                                 HasSubstr("674.3 M<small>62.0\xc3\x97</small>")));
  // Costs of what nobody trained, from the step's cost models: of uniform W8A8 and W2A2. W4A4 and
  // float32 were trained.
  EXPECT_EQ(count(table, "class=\"reference\""), 2u);
  const std::string reference = between(table, "<td>uniform w8a8</td>", "</tr>");
  EXPECT_TRUE(has(reference, "data-key=\"2612043776\""));  // 40813184 * 64
  EXPECT_TRUE(has(reference, "<small>16.0\xc3\x97</small>"));
  // The measured accuracy of a reference is not known.
  EXPECT_TRUE(has(reference, "cost only"));
}

TEST_F(HtmlTest, KnowsNoCostThatTheStepHasNotTold) {
  make_directories(task_);
  {
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("fully_train", "TrainPipeStep");
    store.set_step_info(
        "fully_train",
        {{"network",
          {{"type", "A"}, {"layers", {{{"name", "fc"}, {"macs", 10}, {"weights", 10}}}}}},
         {"objectives", {{{"name", "accuracy"}, {"direction", "max"}}}},
         {"reference_costs",
          {{"float32", {{"energy", 100}}}, {"uniform w8a8", {{"energy", 25}}}}}});
    ResultRow row;
    row.step = "fully_train";
    row.id = 1;
    row.origin = "nas/1";
    row.encoding = "w4a4";
    row.policy = {{{"name", "fc"}, {"weight", "int4"}, {"activation", "uint4"}}};
    store.begin_trial(row);
    row.status = "finished";
    row.seconds = 1;
    row.metrics = {
        {"accuracy", 0.5}, {"validation_accuracy", 0.5}, {"bitops", 7}, {"energy", 12.5}};
    store.finish_trial(row);
  }
  const std::string text = page();
  const std::string table = between(text, "<caption>Models", "</table>");
  EXPECT_TRUE(has(table, "12.5<small>8.00\xc3\x97</small>"));
  EXPECT_TRUE(has(table, ">7</td>"));  // nothing to compare with
  EXPECT_TRUE(has(between(table, "<td>uniform w8a8</td>", "</tr>"), "25<small>4.00\xc3\x97"));
  EXPECT_TRUE(has(text, "with 8.0 times less energy than float32"));
}

TEST_F(HtmlTest, EscapesEverything) {
  synthetic::make_task(task_);
  const std::string text = page();
  // One element each for the data and our script.
  EXPECT_EQ(count(text, "<script"), 2u);
  EXPECT_EQ(count(text, "</script"), 2u);
  EXPECT_TRUE(lacks(text, "<script>document.title"));
  EXPECT_TRUE(lacks(text, "<i>task"));
  EXPECT_TRUE(has(text, "<title>&lt;i&gt;task&lt;b&gt; &amp; &quot;1&quot; - Deneb"));
  EXPECT_TRUE(has(text, "&lt;/script&gt;&lt;script&gt;document.title=&#39;broken&#39;"));
  EXPECT_TRUE(has(text, "no UTF-8: \xef\xbf\xbd"));
  const auto data = embedded(text, "deneb-data");
  EXPECT_THAT(data["steps"][1]["trials"][synthetic::kFailed - 1]["message"].get<std::string>(),
              HasSubstr("</script><script>document.title='broken'</script><!-- <b>&amp;\r\n"));
  expect_no_fetches(text);
}

TEST_F(HtmlTest, HoldsItsStyleAndItsScript) {
  synthetic::make_task(task_);
  const std::string text = page();
  const std::string assets = DENEB_HTML_ASSETS;
  EXPECT_EQ(between(text, "<style>", "</style>"), read_file(assets + "/report.css"));
  EXPECT_EQ(between(text, "<script>\n", "</script>"), read_file(assets + "/report.js"));
  EXPECT_THROW(page({{"charts", "svg"}}), ConfigError);
}

TEST_F(HtmlTest, ObjectivesCanBeChosenWhenThereAreMoreThanTwo) {
  synthetic::make_task(task_, {30, 3, true, 1});
  const std::string pareto = between(page(), "id=\"pareto-nas\"", "</figure>");
  EXPECT_EQ(count(pareto, "<option"), 3u);
  EXPECT_EQ(count(pareto, "<svg"), 3u);
  EXPECT_EQ(count(pareto, "<div class=\"view\" hidden>"), 2u);
  EXPECT_TRUE(has(pareto, "BitOps against size in bits"));
  EXPECT_EQ(count(pareto, "front-line"), 0u);  // a front of three has no line in two dimensions
}

TEST_F(HtmlTest, OneObjective) {
  synthetic::make_task(task_, {30, 1, false, 1});
  const std::string text = page();
  const std::string pareto = between(text, "id=\"pareto-nas\"", "</figure>");
  EXPECT_TRUE(has(pareto, "accuracy (%) against trial"));
  EXPECT_EQ(count(pareto, "class=\"mark front\""), 1u);
  EXPECT_TRUE(lacks(text, "Trained models"));
}

TEST_F(HtmlTest, DrawsTheFiguresOfASearch) {
  synthetic::make_task(task_, {30, 2, false, 1, 22});
  const std::string text = page();
  const std::string named = between(text, "id=\"figure-nas-1\"", "</figure>");
  EXPECT_TRUE(has(named, "<h3>Importance of &lt;weights&gt; &amp; &quot;more&quot;</h3>"));
  EXPECT_TRUE(has(named, "A large indicator means"));
  EXPECT_TRUE(has(named, "class=\"plot scrolls\""));
  EXPECT_EQ(count(named, "class=\"mark curve"), 5u);
  EXPECT_EQ(count(named, "class=\"mark dot"), 5u * 22);
  EXPECT_EQ(count(named, "class=\"tick mono\""), 22u);
  EXPECT_EQ(count(named, "class=\"pin\""), 1u);  // conv1; the other pinned layer has no place
  EXPECT_TRUE(has(named, "</i>6 bits</span>"));
  EXPECT_TRUE(has(named, "</i>2 bits &lt;b&gt;&amp;amp;</span>"));
  EXPECT_TRUE(has(named, "<title>layer1.0.conv1\n6 bits: 0.00"));
  EXPECT_TRUE(has(named, ">fc&lt;/script&gt;&lt;script&gt;document.title"));
  for (const char* tick : {">0.001<", ">0.01<", ">0.1<"}) EXPECT_TRUE(has(named, tick));
  const std::string numbers = between(text, "id=\"figure-nas-2\"", "</figure>");
  EXPECT_TRUE(lacks(numbers, "scrolls"));
  EXPECT_EQ(count(numbers, "class=\"mark curve"), 2u);
  EXPECT_EQ(count(numbers, "class=\"mark dot"), 80u);
  EXPECT_TRUE(has(numbers, "<title>best\nstep 0: 0.1</title>"));
  // Behind the charts of bits and before the table.
  EXPECT_LT(text.find("id=\"layers-nas\""), text.find("id=\"figure-nas-1\""));
  EXPECT_LT(text.find("id=\"figure-nas-2\""), text.find("<h3>Trials</h3>"));
  const auto data = embedded(text, "deneb-data")["steps"][0]["figures"];
  EXPECT_EQ(data[0]["series"][4]["label"], synthetic::kNastyLine);
  EXPECT_EQ(data[1]["series"][0]["points"].size(), 40u);
}

TEST_F(HtmlTest, DrawsHeatMaps) {
  synthetic::make_task(task_, {30, 2, false, 1, 22});
  const std::string text = page();
  const std::string map = between(text, "id=\"heat-map-nas-1\"", "</figure>");
  EXPECT_TRUE(has(map, "<h3>Importance of &lt;weights&gt; &amp; &quot;more&quot;</h3>"));
  EXPECT_EQ(count(map, "<rect class=\"mark h"), 5u * 22);
  EXPECT_EQ(count(map, "class=\"mark hnone\""), 1u);
  EXPECT_TRUE(has(map, "<title>conv1, 2 bits &lt;b&gt;&amp;amp;\nnot measured</title>"));
  EXPECT_TRUE(has(map, "<title>layer1.0.conv1, 6 bits\nindicator: 0.00"));
  EXPECT_TRUE(has(map, ">fc&lt;/script&gt;&lt;script&gt;document.title"));
  EXPECT_TRUE(has(map, "logarithmic"));
  EXPECT_TRUE(has(map, "</i>not measured</span>"));
  // The smallest and the largest value have the ends of the scale.
  EXPECT_GE(count(between(map, "<svg", "</svg>"), "class=\"mark h0\""), 1u);
  EXPECT_GE(count(between(map, "<svg", "</svg>"), "class=\"mark h15\""), 1u);
  EXPECT_LT(text.find("id=\"figure-nas-2\""), text.find("id=\"heat-map-nas-1\""));
  const auto data = embedded(text, "deneb-data")["steps"][0]["heat_maps"];
  ASSERT_EQ(data.size(), 1u);
  EXPECT_TRUE(data[0]["values"][4][0].is_null());
}

// What one search tried is not said of another.
TEST_F(HtmlTest, TwoSearchesAreToldApart) {
  synthetic::make_task(task_, {30, 2, false, 1, 0});
  {
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("solve", "SearchPipeStep");
    store.set_step_info(
        "solve",
        {{"algorithm", "Solver"},
         {"objectives",
          {{{"name", "damage"}, {"direction", "min"}}, {{"name", "size"}, {"direction", "min"}}}}});
    for (std::int64_t id = 1; id <= 2; ++id) {
      ResultRow row;
      row.step = "solve";
      row.id = id;
      row.encoding = "w4a4";
      store.begin_trial(row);
      row.status = "finished";
      row.metrics = {{"damage", id}, {"size", 10}};
      store.finish_trial(row);
    }
    store.mark_front("solve", {1, 2});
    store.finish_step("solve", "finished", "");
  }
  const std::string text = page();
  EXPECT_TRUE(has(text, "<li><b>nas</b>: QuantEA searched bit-widths"));
  EXPECT_TRUE(has(text, "<li><b>solve</b>: Solver solved for bit-widths"));
  EXPECT_TRUE(has(text, "2 policies, computed and not tried."));
  EXPECT_TRUE(has(text, "<b>2</b><span>policies found in step solve</span>"));
  EXPECT_FALSE(has(text, "policies tried in step solve"));
  // The words of the guide are about all searches, not about the last.
  EXPECT_TRUE(has(text, "<dt>Trial</dt>"));
  EXPECT_TRUE(has(text, "<dt>Pareto front</dt>"));
}

TEST_F(HtmlTest, SearchesWithoutTrials) {
  make_directories(task_);
  const auto map = R"([{"name":"a","title":"Damage","x_names":["conv1"],"y_names":["int4"],
                        "values":[[0.5]]}, {"name":"b"}, 3])";
  {
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("probe", "SearchPipeStep");
    store.set_step_info(
        "probe", {{"algorithm", "Probe"}, {"heat_maps", nlohmann::ordered_json::parse(map)}});
    store.finish_step("probe", "finished", "");
    store.begin_step("nas", "SearchPipeStep");
    store.set_step_info(
        "nas",
        {{"algorithm", "Solver"},
         {"objectives",
          {{{"name", "damage"}, {"direction", "min"}}, {{"name", "size"}, {"direction", "min"}}}}});
    for (std::int64_t id = 1; id <= 2; ++id) {
      ResultRow row;
      row.step = "nas";
      row.id = id;
      row.encoding = "w4a4";
      store.begin_trial(row);
      row.status = "finished";
      row.metrics = {{"damage", id}, {"size", 10}};  // the second one is beaten by the first
      store.finish_trial(row);
    }
    store.mark_front("nas", {1, 2});
    store.finish_step("nas", "finished", "");
  }
  const std::string text = page();
  EXPECT_TRUE(has(text, "<li><b>probe</b>: Probe examined the layers; no policy was tried.</li>"));
  EXPECT_TRUE(has(text,
                  "<li><b>nas</b>: Solver solved for bit-widths of ResNetCifar on Cifar10: 2 "
                  "policies, computed and not tried.</li>"));
  EXPECT_TRUE(has(text, "<b>2</b><span>policies found</span>"));
  EXPECT_TRUE(has(text, "This step tried no policy."));
  EXPECT_EQ(count(between(text, "id=\"heat-map-probe-1\"", "</figure>"), "class=\"mark h0\""), 1u);
  EXPECT_EQ(count(text, "<figure class=\"figure\" id=\"heat-map-"), 1u);
  EXPECT_EQ(count(markup(text), "Pareto"), 0u);
  EXPECT_TRUE(has(text, "result of the search"));
}

/// The markup of the first figure of a search, from what the step's info holds.
class FigureTest : public HtmlTest {
 protected:
  std::string figure(const std::string& figures) {
    make_directories(task_);
    {
      TrialStore store(task_ + "/task.sqlite");
      store.begin_step("nas", "SearchPipeStep");
      store.set_step_info("nas", {{"figures", nlohmann::ordered_json::parse(figures)}});
    }
    const std::string text = page();
    EXPECT_TRUE(lacks(text, "nan"));
    EXPECT_TRUE(lacks(text, "\"inf"));
    return between(text, "id=\"figure-nas-1\"", "</figure>");
  }
  std::string figure_of(const std::string& points, const std::string& more = "") {
    return figure(R"([{"name":"a","title":"A","y_label":"value")" + more +
                  R"(,"series":[{"label":"","points":)" + points + "}]}]");
  }
};

TEST_F(FigureTest, LeavesOutWhatCannotBeShown) {
  EXPECT_EQ(figure("[]"), "");
  EXPECT_EQ(figure("3"), "");
  EXPECT_EQ(figure(R"([{"name":"a","title":"no points","series":[{"label":"a","points":[]}]}])"),
            "");
  EXPECT_TRUE(has(figure(R"([17, {"name":"a"}, {"name":"b","title":"B","series":
                             [{"label":"b","points":[[0,1]]}]}])"),
                  "<h3>B</h3>"));
}

TEST_F(FigureTest, OneLineNeedsNoName) {
  const std::string one = figure_of("[[0,1],[1,2.5]]", R"(,"x_names":["conv1","fc"])");
  EXPECT_TRUE(lacks(one, "class=\"legend\""));
  EXPECT_TRUE(has(one, "<title>fc\nvalue: 2.5</title>"));
  EXPECT_TRUE(lacks(one, "class=\"pin\""));
}

TEST_F(FigureTest, PointsThatAreNotJoined) {
  const std::string points = figure_of("[[0,1],[1,2.5]]", R"(,"joined":false)");
  EXPECT_TRUE(has(points, "class=\"mark dot"));
  EXPECT_TRUE(lacks(points, "class=\"mark curve"));
  EXPECT_TRUE(has(figure_of("[[0,1],[1,2.5]]", ""), "class=\"mark curve"));
}

TEST_F(FigureTest, LogarithmicWhereThatIsPossibleAndOfUse) {
  const std::string log = R"(,"log_y":true)";
  const auto ticks = [&](const std::string& points) {
    return between(figure_of(points, log), "<svg", "</svg>");
  };
  EXPECT_TRUE(has(ticks("[[0,1e-6],[1,1]]"), ">1e-05</text>"));
  EXPECT_TRUE(has(ticks("[[0,0],[1,1]]"), ">0.4</text>"));      // zero: linear
  EXPECT_TRUE(has(ticks("[[0,-1],[1,1]]"), ">-0.5</text>"));    // negative: linear
  EXPECT_TRUE(has(ticks("[[0,1],[1,1.5]]"), ">1.2</text>"));    // nearly the same
  EXPECT_TRUE(has(ticks("[[0,2.1],[1,4.9]]"), ">3.5</text>"));  // between 2 and 5
  EXPECT_TRUE(has(ticks("[[0,3]]"), ">3.00</text>"));
  for (const char* points :
       {"[[0,5e-324],[1,1e100]]", "[[0,-1e100],[1,1e100]]", "[[-1e100,0],[1e100,0]]", "[[0,0]]"}) {
    EXPECT_TRUE(has(ticks(points), "class=\"mark dot")) << points;
  }
}

TEST_F(HtmlTest, TellsWhichMetricsOrderTheTrialsAlike) {
  synthetic::make_task(task_);
  const std::string text = page();
  const std::string table = between(text, "<caption>Rank correlations of step nas", "</table>");
  // The loss is 2.6 - 2.5 accuracy.
  EXPECT_TRUE(has(table,
                  "<td>loss</td><td class=\"number\">28</td>"
                  "<td class=\"number\" title=\"28 trials\">-1.00</td>"));
  EXPECT_EQ(count(table, "<tr>"), 6u);  // head, loss, and four costs
  EXPECT_TRUE(has(text, "Spearman&#39;s rho") || has(text, "Spearman's rho"));
  EXPECT_EQ(count(text, "<caption>Rank"), 1u);  // none for the steps that train
  const auto steps = embedded(text, "deneb-data")["steps"];
  EXPECT_TRUE(steps[0]["rank_correlations"].is_null());
  EXPECT_EQ(steps[1]["rank_correlations"]["metric"], "accuracy");
  EXPECT_EQ(steps[1]["rank_correlations"]["all"]["loss"]["spearman"], -1.0);
}

TEST_F(HtmlTest, RankCorrelationsOfEachOrigin) {
  make_directories(task_);
  {
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("nas", "SearchPipeStep");
    for (std::int64_t id = 1; id <= 16; ++id) {
      ResultRow row;
      row.step = "nas";
      row.id = id;
      row.origin = id <= 8 ? "<b>one" : "two";
      store.begin_trial(row);
      row.status = "finished";
      const double turned = double(id <= 8 ? id : -id);
      row.metrics = {{"accuracy", 0.01 * double(id)}, {"size", turned}};
      store.finish_trial(row);
    }
  }
  const std::string table = between(page(), "<caption>Rank correlations", "</table>");
  EXPECT_TRUE(has(table, ">&lt;b&gt;one</th>"));
  // All: ranks 9..16 and then 8..1: sum d^2 = 8 * 64 + (1 + 9 + ... + 225) = 1192,
  // 1 - 6 * 1192 / (16 * 255) = -0.753.
  EXPECT_TRUE(has(table,
                  "<td>size in bits</td><td class=\"number\">16</td>"
                  "<td class=\"number\" title=\"16 trials\">-0.75</td>"
                  "<td class=\"number\" title=\"8 trials\">1.00</td>"
                  "<td class=\"number\" title=\"8 trials\">-1.00</td>"));
}

TEST_F(HtmlTest, LimitsTheRowsAndSaysSo) {
  synthetic::make_task(task_);
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  const auto trials = store.trials("nas");
  const auto front =
      std::count_if(trials.begin(), trials.end(), [](const ResultRow& row) { return row.front; });
  ASSERT_GT(front, 2);
  const std::string text = page({{"max_rows", front + 3}});
  const std::string table = between(text, "<caption>Some trials of step nas", "</table>");
  EXPECT_EQ(count(table, "<tr id=\"nas-"), static_cast<std::size_t>(front) + 3);
  EXPECT_EQ(count(table, "class=\"front\""), static_cast<std::size_t>(front));
  EXPECT_EQ(count(table, "class=\"failed\""), 2u);
  // The last row is the most accurate trial that is not on the front.
  double best = 0;
  std::int64_t id = 0;
  for (const ResultRow& row : trials) {
    if (row.front || row.status != "finished" || row.metrics["accuracy"] <= best) continue;
    best = row.metrics["accuracy"];
    id = row.id;
  }
  EXPECT_TRUE(has(table, "<tr id=\"nas-" + std::to_string(id) + "\""));
  EXPECT_TRUE(has(text, "shows " + std::to_string(front + 3) + " of 30 trials"));
  EXPECT_TRUE(has(text, std::to_string(27 - front) + " are left out; all of them are in "
                                                     "<code>output/nas/reports.csv</code>"));
  // Rows have their widths; marks whose row is not there lead nowhere.
  EXPECT_EQ(count(table, "<td class=\"widths\""), static_cast<std::size_t>(front) + 3);
  EXPECT_TRUE(lacks(table, ">w8a8 w"));
  const std::string marks = between(text, "id=\"pareto-nas\"", "</figure>");
  EXPECT_EQ(count(marks, "<a href=\"#nas-"), static_cast<std::size_t>(front) + 3);
  EXPECT_EQ(count(marks, "class=\"mark "), 30u);
  const auto data = embedded(text, "deneb-data")["steps"][1];
  EXPECT_EQ(data["trials"].size(), static_cast<std::size_t>(front) + 3);
  EXPECT_EQ(data["trial_count"], 30);
  EXPECT_TRUE(lacks(page({{"max_rows", 0}}), "are left out"));
}

TEST_F(HtmlTest, StaysSmallWithManyTrials) {
  synthetic::Options options;
  options.trials = 4000;
  options.bulk = true;
  synthetic::make_task(task_, options);
  const std::string text = page();
  EXPECT_LT(text.size(), 4'000'000u);
  const std::string marks = between(text, "id=\"pareto-nas\"", "</figure>");
  EXPECT_LE(count(marks, "class=\"mark "), 1500u);
  EXPECT_GT(count(marks, "class=\"mark "), 500u);
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  std::size_t front = 0;
  double least = 1;
  for (const ResultRow& row : store.trials("nas")) {
    front += row.front;
    if (row.status == "finished") least = std::min(least, row.metrics["accuracy"].get<double>());
  }
  EXPECT_EQ(count(marks, "class=\"mark front\""), front);
  char worst[32];
  std::snprintf(worst, sizeof(worst), "accuracy: %.2f %%", 100 * least);
  EXPECT_TRUE(has(marks, worst));
  EXPECT_TRUE(has(marks, "of 4000 marks are drawn"));
  EXPECT_EQ(count(text, "<tr id=\"nas-"), 500u);
}

TEST_F(HtmlTest, TheSameDataGiveTheSamePage) {
  synthetic::make_task(task_);
  const std::string first = page();
  EXPECT_EQ(page(), first);
}

TEST_F(HtmlTest, TasksThatAreNotComplete) {
  make_directories(task_);
  { TrialStore store(task_ + "/task.sqlite"); }
  EXPECT_TRUE(has(page(), "Nothing has been tried yet") && has(page(), "not started"));
  {
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("nas", "SearchPipeStep");
  }
  EXPECT_TRUE(has(page(), "No trial yet") && has(page(), "not complete"));
  {
    TrialStore store(task_ + "/task.sqlite");
    ResultRow row;
    row.step = "nas";
    row.id = 1;
    store.begin_trial(row);
    row.id = 2;
    store.begin_trial(row);
    row.status = "failed";
    row.message = "out of memory";
    store.finish_trial(row);
  }
  EXPECT_TRUE(has(page(), "out of memory") && has(page(), "1 of them failed"));
  {
    TrialStore store(task_ + "/task.sqlite");
    ResultRow row;
    row.step = "nas";
    row.id = 3;
    row.policy = {{{"name", "fc"}, {"weight", "e4m3"}, {"activation", "nonsense"}}};
    store.begin_trial(row);
    row.status = "finished";
    row.metrics = {{"accuracy", 0.5}, {"bitops", 100}};
    store.finish_trial(row);
    store.mark_front("nas", {3});
    store.finish_step("nas", "interrupted", "stopped by <SIGINT>");
  }
  // One trial with a value, no layer facts, an unknown format.
  const std::string text = page();
  for (const char* part :
       {"stopped by &lt;SIGINT&gt;", ">e4m3</text>", ">?</text>", "class=\"mark front\""}) {
    EXPECT_TRUE(has(text, part));
  }
  EXPECT_TRUE(lacks(text, "nan"));
  EXPECT_TRUE(lacks(text, "\"inf"));
}

TEST_F(HtmlTest, AConfigurationThatSaysNothing) {
  synthetic::make_task(task_);
  write("html", "nas", nlohmann::json::object(), nlohmann::ordered_json());
  EXPECT_TRUE(has(output("report.html"), "QuantEA"));
}

}  // namespace
}  // namespace deneb
