#include "plugins/reports/synthetic_task.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>

#include <deneb/io/files.h>
#include <deneb/quant/policy_file.h>
#include <deneb/search/figure.h>
#include <deneb/search/pareto.h>

namespace synthetic {
namespace {

using deneb::BitPolicy;
using deneb::EpochRow;
using deneb::Format;
using deneb::ResultRow;
using deneb::TrialStore;
using nlohmann::ordered_json;

struct Layer {
  std::string name;
  double macs, weights;
  bool pinned;
};

// ResNet-20 for CIFAR-10 with projection shortcuts.
std::vector<Layer> make_layers() {
  std::vector<Layer> layers = {{"conv1", 442368, 432, true}};
  const auto block = [&](int stage, int index, double macs1, double weights1, double weights2) {
    const std::string name = "layer" + std::to_string(stage) + "." + std::to_string(index);
    layers.push_back({name + ".conv1", macs1, weights1, false});
    layers.push_back({name + ".conv2", 2359296, weights2, false});
  };
  for (int i = 0; i < 3; ++i) block(1, i, 2359296, 2304, 2304);
  block(2, 0, 1179648, 4608, 9216);
  layers.push_back({"layer2.0.downsample.0", 131072, 512, false});
  for (int i = 1; i < 3; ++i) block(2, i, 2359296, 9216, 9216);
  block(3, 0, 1179648, 18432, 36864);
  layers.push_back({"layer3.0.downsample.0", 131072, 2048, false});
  for (int i = 1; i < 3; ++i) block(3, i, 2359296, 36864, 36864);
  layers.push_back({"fc", 640, 640, true});
  return layers;
}

double unit(std::mt19937_64& rng) { return double(rng() >> 11) / 9007199254740992.0; }

ordered_json costs(const std::vector<Layer>& layers, const BitPolicy& policy) {
  double bitops = 0, flops = 4160, params = 1578, size = 0;
  for (const Layer& layer : layers) {
    const auto* choice = policy.find(layer.name);
    const double w = choice ? choice->weight.bits : 32, a = choice ? choice->activation.bits : 32;
    bitops += layer.macs * w * a;
    flops += choice ? layer.macs * (w + a) / 32 : layer.macs;
    params += layer.weights * w / 32;
    size += layer.weights * w;
  }
  return {{"bitops", bitops}, {"flops", flops}, {"params", params}, {"size", size}};
}

/// Narrow early layers hurt most.
double accuracy_of(const std::vector<Layer>& layers, const BitPolicy& policy, double top) {
  double loss = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto* choice = policy.find(layers[i].name);
    if (!choice) continue;
    const double weight = 0.09 * std::pow(4.0, -double(choice->weight.bits) / 1.6);
    const double activation = 0.06 * std::pow(4.0, -double(choice->activation.bits) / 1.6);
    loss += (weight + activation) * (1.5 - double(i) / double(layers.size()));
  }
  return std::round(1e4 * std::max(0.1, top - loss)) / 1e4;
}

BitPolicy random_policy(const std::vector<Layer>& layers, std::mt19937_64& rng) {
  BitPolicy policy;
  const int center = 2 + static_cast<int>(7 * unit(rng));
  const auto width = [&] { return std::clamp(center + static_cast<int>(5 * unit(rng)) - 2, 2, 8); };
  for (const Layer& layer : layers) {
    const int w = layer.pinned ? 8 : width(), a = layer.pinned ? 8 : width();
    policy.set(layer.name, {Format::integer(w, true), Format::integer(a, layer.name == "conv1")});
  }
  return policy;
}

ordered_json network_info(const std::vector<Layer>& layers) {
  auto list = ordered_json::array();
  for (const Layer& layer : layers) {
    list.push_back({{"name", layer.name},
                    {"op", layer.name == "fc" ? "linear" : "conv2d"},
                    {"macs", layer.macs},
                    {"weights", layer.weights},
                    {"pinned", layer.pinned}});
  }
  return {{"type", "ResNetCifar"}, {"layers", list}};
}

ordered_json objectives(int count) {
  ordered_json all = {{{"name", "accuracy"}, {"direction", "max"}},
                      {{"name", "bitops"}, {"direction", "min"}},
                      {{"name", "size"}, {"direction", "min"}}};
  while (all.size() > static_cast<std::size_t>(count)) all.erase(all.size() - 1);
  return all;
}

/// What a layer loses: less with every bit, and less further back.
deneb::Figure importance(const std::vector<Layer>& layers, int places, std::mt19937_64& rng) {
  deneb::Figure figure;
  figure.name = "importance";
  figure.title = kNastyTitle;
  figure.text = "A large indicator means that the layer loses much at that width.";
  figure.x_label = "layer";
  figure.y_label = "indicator";
  figure.log_y = true;
  for (int i = 0; i + 1 < places; ++i) {
    const auto at = static_cast<std::size_t>(i);
    figure.x_names.push_back(at < layers.size() ? layers[at].name
                                                : "layer4." + std::to_string(i) + ".conv1");
  }
  figure.x_names.emplace_back(kNastyPlace);
  std::vector<double> sizes;
  for (int i = 0; i < places; ++i) sizes.push_back((0.3 + unit(rng)) / double(i + 3));
  for (const int bits : {6, 5, 4, 3, 2}) {
    const std::string label = bits == 2 ? kNastyLine : std::to_string(bits) + " bits";
    deneb::FigureSeries series{label, {}};
    for (int i = 0; i < places; ++i) {
      const double size = sizes[static_cast<std::size_t>(i)];
      series.points.emplace_back(i, size * std::pow(2.0, -bits) * (0.9 + 0.2 * unit(rng)));
    }
    figure.series.push_back(series);
  }
  return figure;
}

deneb::Figure progress() {
  deneb::Figure figure;
  figure.name = "progress";
  figure.title = "Reward of the controller";
  figure.x_label = "step";
  figure.y_label = "reward";
  figure.series = {{"mean", {}}, {"best", {}}};
  for (int i = 39; i >= 0; --i) {  // in no good order
    figure.series[0].points.emplace_back(i, 0.5 - std::exp(-0.1 * i));
    figure.series[1].points.emplace_back(i, 0.6 - 0.5 * std::exp(-0.2 * i));
  }
  return figure;
}

/// The lines of a figure as rows; the first place of the last one was not measured.
deneb::HeatMap heat_map_of(const deneb::Figure& figure) {
  deneb::HeatMap map;
  map.name = figure.name;
  map.title = figure.title;
  map.text = figure.text;
  map.x_label = figure.x_label;
  map.y_label = "width";
  map.value_label = figure.y_label;
  map.x_names = figure.x_names;
  map.log_color = figure.log_y;
  for (const auto& series : figure.series) {
    map.y_names.push_back(series.label);
    map.values.emplace_back();
    for (const auto& point : series.points) map.values.back().push_back(point.second);
  }
  map.values.back().front() = std::nan("");
  return map;
}

void add_drawings(const std::vector<Layer>& layers, int places, ordered_json& info) {
  std::mt19937_64 rng(7);
  info["figures"] = ordered_json::array();
  if (places <= 0) return;
  const deneb::Figure lines = importance(layers, places, rng);
  info["figures"] = {to_json(lines), to_json(progress())};
  info["heat_maps"] = {to_json(heat_map_of(lines))};
}

/// Writes finished trials as a store of the program does, but all in one transaction.
class BulkWriter {
 public:
  explicit BulkWriter(const std::string& path) {
    check(sqlite3_open(path.c_str(), &database_));
    check(sqlite3_exec(database_, "BEGIN", nullptr, nullptr, nullptr));
    check(sqlite3_prepare_v2(database_,
                             "INSERT INTO trials (step, id, status, seed, origin, encoding, "
                             "fingerprint, policy, metrics, message, seconds) VALUES "
                             "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                             -1, &insert_, nullptr));
  }
  BulkWriter(const BulkWriter&) = delete;
  BulkWriter& operator=(const BulkWriter&) = delete;
  ~BulkWriter() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  void add(const ResultRow& row) {
    sqlite3_reset(insert_);
    const auto replace = ordered_json::error_handler_t::replace;
    text(1, row.step);
    sqlite3_bind_int64(insert_, 2, row.id);
    text(3, row.status);
    sqlite3_bind_int64(insert_, 4, static_cast<sqlite3_int64>(row.seed));
    text(5, row.origin);
    text(6, row.encoding);
    text(7, row.fingerprint);
    text(8, row.policy.dump());
    text(9, row.metrics.dump(-1, ' ', false, replace));
    text(10, row.message);
    sqlite3_bind_double(insert_, 11, row.seconds);
    check(sqlite3_step(insert_), SQLITE_DONE);
  }
  void commit() { check(sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr)); }

 private:
  void text(int index, const std::string& value) {
    sqlite3_bind_text(insert_, index, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
  }
  void check(int code, int wanted = SQLITE_OK) {
    if (code != wanted) throw std::runtime_error(sqlite3_errmsg(database_));
  }
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

ResultRow row_of(const std::string& step, std::int64_t id, const BitPolicy& policy,
                 const std::string& origin) {
  ResultRow row;
  row.step = step;
  row.id = id;
  row.seed = 0x9e3779b97f4a7c15ull * static_cast<std::uint64_t>(id);
  row.origin = origin;
  row.encoding = policy.empty() ? "float32" : policy.text();
  row.fingerprint = policy.fingerprint();
  row.policy = policy.to_json();
  return row;
}

void write_policy(const std::string& path, const BitPolicy& policy, const ordered_json& metrics,
                  const ordered_json& provenance) {
  deneb::PolicyFile file;
  file.model = {{"type", "ResNetCifar"}};
  file.policy = policy;
  file.metrics = metrics;
  file.provenance = provenance;
  deneb::write_policy_file(path, file);
}

struct Member {
  std::int64_t id;
  BitPolicy policy;
};

std::vector<Member> make_search(TrialStore& store, const std::string& folder,
                                const std::vector<Layer>& layers, const Options& options) {
  std::mt19937_64 rng(options.seed);
  store.begin_step("nas", "SearchPipeStep");
  const ordered_json wanted = objectives(options.objectives);
  ordered_json info = {{"algorithm", "QuantEA"},
                       {"dataset", "Cifar10"},
                       {"network", network_info(layers)},
                       {"objectives", wanted}};
  add_drawings(layers, options.places, info);
  store.set_step_info("nas", info);
  std::unique_ptr<BulkWriter> bulk;
  if (options.bulk) bulk = std::make_unique<BulkWriter>(folder + "/task.sqlite");
  std::vector<deneb::Objective> goals;
  for (const auto& item : wanted) {
    goals.push_back({item["name"], item["direction"] == "max" ? deneb::Direction::kMaximize
                                                              : deneb::Direction::kMinimize});
  }
  std::vector<Member> members;
  std::vector<std::vector<double>> values;
  std::vector<ordered_json> metrics;
  for (std::int64_t id = 1; id <= options.trials; ++id) {
    const BitPolicy policy = random_policy(layers, rng);
    ResultRow row = row_of("nas", id, policy,
                           id <= 12 ? "random" : "generation " + std::to_string((id - 9) / 4));
    if (!bulk) store.begin_trial(row);
    row.seconds = 4 + 3 * unit(rng);
    const bool failed = id == kFailed || id == kFailedWithoutCosts;
    row.status = failed ? (id == kFailed ? "failed" : "timeout") : "finished";
    if (failed) {
      row.message = kNastyMessage;
    } else {
      row.metrics["accuracy"] = accuracy_of(layers, policy, 0.9);
      row.metrics["loss"] = 2.6 - 2.5 * row.metrics["accuracy"].get<double>();
    }
    if (id != kFailedWithoutCosts) row.metrics.update(costs(layers, policy));
    if (bulk) {
      bulk->add(row);
    } else {
      store.finish_trial(row);
    }
    if (failed) continue;
    members.push_back({id, policy});
    metrics.push_back(row.metrics);
    values.emplace_back();
    for (const auto& goal : goals) values.back().push_back(row.metrics[goal.name].get<double>());
  }
  if (bulk) bulk->commit();
  bulk.reset();
  std::vector<std::int64_t> ids;
  std::vector<Member> front;
  for (const std::size_t i : deneb::pareto_front(values, goals)) {
    ids.push_back(members[i].id);
    front.push_back(members[i]);
    write_policy(folder + "/output/nas/policies/" + std::to_string(members[i].id) + ".json",
                 members[i].policy, metrics[i], {{"step", "nas"}, {"trial", members[i].id}});
  }
  store.mark_front("nas", ids);
  store.finish_step("nas", "finished", "");
  return front;
}

/// A model of the row's step, with twenty epochs.
void train(TrialStore& store, const std::string& folder, const std::vector<Layer>& layers,
           ResultRow row, const BitPolicy& policy) {
  store.begin_trial(row);
  const double last = accuracy_of(layers, policy, 0.918);
  std::vector<EpochRow> epochs;
  for (int e = 1; e <= 20; ++e) {
    EpochRow epoch;
    epoch.epoch = e;
    epoch.lr = e <= 12 ? 0.05 : 0.005;
    const double level = last - 0.25 * std::exp(-e / 3.0) + (e > 12 ? 0 : -0.02);
    epoch.train_loss = 2.4 * (1.02 - level) + 0.02 * std::sin(double(e) + double(row.id));
    epoch.metrics = {{"accuracy", level + 0.004 * std::sin(1.7 * e + double(row.id))},
                     {"loss", 2.2 * (1.05 - level)}};
    epoch.seconds = 31;
    epochs.push_back(epoch);
  }
  store.set_epochs(row.step, row.id, epochs);
  row.status = "finished";
  row.seconds = 20 * 31;
  row.metrics = {{"accuracy", last},
                 {"accuracy_top5", std::min(0.999, last + 0.08)},
                 {"loss", 2.2 * (1.05 - last)},
                 {"validation_accuracy", last + 0.003}};
  row.metrics.update(costs(layers, policy));
  store.finish_trial(row);
  write_policy(
      folder + "/output/" + row.step + "/models/" + std::to_string(row.id) + "/policy.json", policy,
      row.metrics, {{"step", row.step}, {"model", row.id}});
}

/// Pinned layers have 8 bits.
BitPolicy uniform_policy(const std::vector<Layer>& layers, int width) {
  BitPolicy policy;
  for (const Layer& layer : layers) {
    const int bits = layer.pinned ? 8 : width;
    policy.set(layer.name, {Format::integer(bits, true), Format::integer(bits, false)});
  }
  return policy;
}

void begin_training(TrialStore& store, const std::string& step, const std::vector<Layer>& layers) {
  ordered_json references = {{"float32", costs(layers, {})}};
  for (const int bits : {8, 4, 2}) {
    const std::string word = std::to_string(bits);
    references["uniform w" + word + "a" + word] = costs(layers, uniform_policy(layers, bits));
  }
  store.begin_step(step, "TrainPipeStep");
  store.set_step_info(step, {{"dataset", "Cifar10"},
                             {"network", network_info(layers)},
                             {"objectives", objectives(2)},
                             {"reference_costs", references}});
}

void make_training(TrialStore& store, const std::string& folder, const std::vector<Layer>& layers,
                   const std::vector<Member>& front) {
  begin_training(store, "fully_train", layers);
  std::int64_t id = 0;
  for (std::size_t i = 0; i < front.size() && i < 5; ++i) {
    train(store, folder, layers,
          row_of("fully_train", ++id, front[i].policy, "nas/" + std::to_string(front[i].id)),
          front[i].policy);
  }
  const BitPolicy uniform = uniform_policy(layers, 4);
  train(store, folder, layers, row_of("fully_train", ++id, uniform, "uniform w4a4"), uniform);
  store.finish_step("fully_train", "finished", "");
}

}  // namespace

const char* const kNastyMessage =
    "layer1.0.conv1, \"loss\" is NaN\nsecond line </script><script>document.title='broken'"
    "</script><!-- <b>&amp;\r\nno UTF-8: \xff";

const char* const kNastyTitle = "Importance of <weights> & \"more\"";
const char* const kNastyPlace = "fc</script><script>document.title='broken'";
const char* const kNastyLine = "2 bits <b>&amp;";

void make_task(const std::string& folder, const Options& options) {
  deneb::make_directories(folder);
  TrialStore store(folder + "/task.sqlite");
  const std::vector<Layer> layers = make_layers();
  if (options.training) {
    begin_training(store, "float", layers);
    train(store, folder, layers, row_of("float", 1, {}, "float32"), {});
    store.finish_step("float", "finished", "");
  }
  const auto front = make_search(store, folder, layers, options);
  if (options.training) make_training(store, folder, layers, front);
}

ordered_json config() {
  return {{"general", {{"seed", 10}}},
          {"pipeline", {"float", "nas", "fully_train"}},
          {"nas", {{"network", {{"type", "ResNetCifar"}}}, {"dataset", {{"type", "Cifar10"}}}}}};
}

}  // namespace synthetic
