#include <gmock/gmock.h>

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
  std::string page(const nlohmann::json& options = {{"charts", "svg"}}) {
    EXPECT_EQ(write("html", "", options), task_ + "/output/report.html");
    return output("report.html");
  }
  std::string fake_vega() {
    const std::string folder = root_ + "/vega";
    write_file_atomically(folder + "/vega.min.js", "var vega='</script><!--';");
    write_file_atomically(folder + "/vega-lite.min.js", "var vegaLite=1;");
    write_file_atomically(folder + "/vega-embed.min.js",
                          "function vegaEmbed(){return Promise.resolve()}");
    write_file_atomically(folder + "/LICENSES.txt", "Copyright <holders> & contributors");
    return folder;
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
        "2 of them failed", "5 models trained beside 1 baseline", "Pareto front", "uniform w4a4",
        "uniform w8a8", "layer3.2.conv2"}) {
    EXPECT_TRUE(has(text, part));
  }
}

TEST_F(HtmlTest, DrawsEveryTrialAndEveryMember) {
  synthetic::make_task(task_);
  const std::string text = page();
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  std::size_t front = 0;
  for (const TrialRow& row : store.trials("nas")) front += row.front;
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
  // float32: 1.00 times fewer; uniform W4A4 with 8-bit first and last layer.
  // The float model of another step is borrowed.
  const std::string float_row = between(table, "float32 (step float)", "</tr>");
  EXPECT_THAT(float_row, AllOf(HasSubstr("41.79 G"), HasSubstr("1.00\xc3\x97")));
  const std::string uniform_row = between(table, "<tr id=\"fully_train-6\"", "</tr>");
  // 40370176 * 16 + (442368 + 640) * 64 = 674275328 of 41792700416: 61.98 times.
  EXPECT_THAT(uniform_row, AllOf(HasSubstr("data-key=\"674275328\""), HasSubstr("62.0\xc3\x97")));
  // Costs of what nobody trained: uniform W8A8 and W2A2, not W4A4, which was.
  EXPECT_EQ(count(table, "class=\"reference\""), 2u);
  EXPECT_TRUE(has(table, "data-key=\"2612043776\""));  // 40813184 * 64
}

TEST_F(HtmlTest, EscapesEverything) {
  synthetic::make_task(task_);
  for (const bool vega : {false, true}) {
    const std::string text =
        page(vega ? nlohmann::json{{"charts", "vega"}, {"data_path", fake_vega()}}
                  : nlohmann::json{{"charts", "svg"}});
    // One element each for the data and our script; with Vega the specifications and three files.
    EXPECT_EQ(count(text, "<script"), vega ? 6u : 2u);
    EXPECT_EQ(count(text, "</script"), vega ? 6u : 2u);
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
}

TEST_F(HtmlTest, InlinesVegaWithItsLicenses) {
  synthetic::make_task(task_);
  const std::string text = page({{"charts", "vega"}, {"data_path", fake_vega()}});
  EXPECT_TRUE(has(text, "<script>var vega='<\\/script><\\!--';</script>"));
  EXPECT_TRUE(has(text, "<script>var vegaLite=1;</script>"));
  EXPECT_TRUE(has(text, "Copyright &lt;holders&gt; &amp; contributors"));
  EXPECT_EQ(count(text, "<svg"), 0u);
  const auto charts = embedded(text, "deneb-charts");
  ASSERT_TRUE(charts.contains("pareto-nas-plot"));
  std::size_t marks = 0;
  for (const auto& layer : charts["pareto-nas-plot"][0]["layer"]) {
    if (layer["mark"]["type"] == "point") marks += layer["data"]["values"].size();
  }
  EXPECT_EQ(marks, 30u);
  EXPECT_EQ(charts["loss-fully_train-plot"].size(), 1u);
  EXPECT_EQ(charts["layers-nas-plot"].size(),
            count(between(text, "id=\"layers-nas\"", "</figure>"), "<option"));
  // Every chart has its place on the page.
  for (const auto& item : charts.items()) {
    EXPECT_TRUE(has(text, "id=\"" + item.key() + "\""));
  }
}

TEST_F(HtmlTest, ChoosesTheWayOfDrawing) {
  synthetic::make_task(task_);
  const std::string folder = fake_vega();
  EXPECT_EQ(count(page({{"data_path", folder}}), "<svg"), 0u);  // auto, all there
  std::filesystem::remove(folder + "/vega-lite.min.js");
  EXPECT_GT(count(page({{"data_path", folder}}), "<svg"), 5u);  // auto, one is missing
  try {
    page({{"charts", "vega"}, {"data_path", folder}});
    FAIL() << "no error";
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("vega-lite.min.js: not found"),
                                HasSubstr("scripts/fetch_data.sh vega")));
  }
  EXPECT_THROW(page({{"charts", "png"}}), ConfigError);
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

TEST_F(HtmlTest, DrawsTheFiguresOfASearchByVega) {
  synthetic::make_task(task_, {30, 2, false, 1, 52});
  const std::string text = page({{"charts", "vega"}, {"data_path", fake_vega()}});
  EXPECT_EQ(count(text, "<script"), 6u);
  EXPECT_TRUE(lacks(text, "<script>document.title"));
  EXPECT_TRUE(has(text, "</i>2 bits &lt;b&gt;&amp;amp;</span>"));
  const auto charts = embedded(text, "deneb-charts");
  const auto& named = charts["figure-nas-1-plot"][0];
  EXPECT_EQ(named["data"]["values"].size(), 5u * 52);
  const auto& x = named["encoding"]["x"];
  EXPECT_EQ(x["sort"].size(), 52u);
  EXPECT_EQ(x["sort"][51], synthetic::kNastyPlace);
  EXPECT_EQ(x["title"], "layer");
  EXPECT_EQ(named["data"]["values"][51][x["field"].get<std::string>()], synthetic::kNastyPlace);
  EXPECT_EQ(named["encoding"]["y"]["scale"]["type"], "log");
  EXPECT_EQ(named["encoding"]["color"]["scale"]["domain"][4], synthetic::kNastyLine);
  EXPECT_THAT(named["data"]["values"][1]["about"].get<std::string>(),
              testing::StartsWith("layer1.0.conv1\n6 bits: 0.00"));
  const auto& numbers = charts["figure-nas-2-plot"][0];
  EXPECT_EQ(numbers["encoding"]["x"]["type"], "quantitative");
  EXPECT_EQ(numbers["data"]["values"][0]["x"], 0) << "joined in the order of x";
  EXPECT_EQ(numbers["width"], "container");
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
      TrialRow row;
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
  const std::string text = page({{"charts", "svg"}, {"max_rows", 10}});
  EXPECT_EQ(count(text, "<tr id=\"nas-"), 10u);
  EXPECT_TRUE(has(text, "the first 10 of 30"));
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
    TrialRow row;
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
    TrialRow row;
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
  write("html", "nas", {{"charts", "svg"}}, nlohmann::ordered_json());
  EXPECT_TRUE(has(output("report.html"), "QuantEA"));
}

}  // namespace
}  // namespace deneb
