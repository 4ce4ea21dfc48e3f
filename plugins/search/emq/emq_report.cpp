#include "emq_report.h"

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace deneb::emq {
namespace {

std::string percent_text(double share) { return std::to_string(std::lround(100 * share)); }

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

// All digits; empty where there is no value.
std::string cell(std::optional<double> value) {
  return value && std::isfinite(*value) ? nlohmann::json(*value).dump() : "";
}

// In quotes where the name needs it.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

Figure fitness_figure(const std::vector<double>& best, const std::vector<double>& mean,
                      const std::string& text) {
  Figure figure;
  figure.name = "fitness";
  figure.title = "Fitness of proxies";
  figure.text = text;
  figure.x_label = "generation";
  figure.y_label = "fitness";
  figure.series = {{"best", {}}, {"mean of the population", {}}};
  for (std::size_t i = 0; i < best.size(); ++i) {
    figure.series[0].points.emplace_back(double(i), best[i]);
    figure.series[1].points.emplace_back(double(i), mean[i]);
  }
  return figure;
}

Figure scatter_figure(const PolicySet& policies, const Values& score, const Correlations& row) {
  Figure figure;
  figure.name = "scores_" + policies.split;
  figure.title = "Score and accuracy of the policies of split " + policies.split;
  figure.text = "Spearman's rho of the best by score:";
  for (std::size_t i = 0; i < row.top.size(); ++i) {
    figure.text +=
        (i > 0 ? ", " : " ") + percent_text(top_shares()[i]) + " % " + text_of(row.top[i]);
  }
  figure.text += row.top.back().interval ? "; 95 % intervals by bootstrap." : ".";
  figure.x_label = "score of the proxy";
  figure.y_label = "accuracy, percent";
  figure.joined = false;
  figure.series = {{row.proxy, {}}};
  for (std::size_t i = 0; i < score.size(); ++i) {
    figure.series[0].points.emplace_back(score[i], policies.accuracy[i]);
  }
  return figure;
}

Figure correlation_figure(const std::vector<Correlations>& rows, const std::string& split) {
  Figure figure;
  figure.name = "correlations_" + split;
  figure.title = "Rank correlation with the accuracy, split " + split;
  figure.text =
      "Spearman's rho of the best policies by score and of all. correlations.csv has the "
      "intervals.";
  figure.x_label = "proxy";
  figure.y_label = "rho";
  figure.joined = false;
  for (const double share : top_shares()) {
    figure.series.push_back({"best " + percent_text(share) + " %", {}});
  }
  for (const Correlations& row : rows) {
    if (row.split != split) continue;
    for (std::size_t i = 0; i < row.top.size(); ++i) {
      if (!row.top[i].value) continue;
      figure.series[i].points.emplace_back(double(figure.x_names.size()), *row.top[i].value);
    }
    figure.x_names.push_back(row.proxy);
  }
  return figure;
}

std::string text_of(const Correlations::Rho& rho) {
  if (!rho.value) return "none";
  std::string text = fixed(*rho.value, 3);
  if (rho.interval) {
    text += " (" + fixed(rho.interval->low, 3) + " to " + fixed(rho.interval->high, 3) + ")";
  }
  return text;
}

std::string text_of(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  }
  return text;
}

std::string correlations_csv(const std::vector<Correlations>& rows,
                             const std::vector<double>& size_limits) {
  std::string text = "proxy,split";
  for (const double share : top_shares()) {
    const std::string name = "rho" + percent_text(share);
    text += "," + name + "," + name + "_low," + name + "_high";
  }
  text += ",kendall,pearson";
  for (const double limit : size_limits) text += ",regret_" + std::to_string(std::llround(limit));
  text += "\n";
  for (const Correlations& row : rows) {
    text += cell(row.proxy) + "," + row.split;
    for (const auto& rho : row.top) {
      text += "," + cell(rho.value);
      text += "," + (rho.interval ? cell(rho.interval->low) : "");
      text += "," + (rho.interval ? cell(rho.interval->high) : "");
    }
    text += "," + cell(row.kendall) + "," + cell(row.pearson);
    for (const double regret : row.regret) text += "," + cell(regret);
    text += "\n";
  }
  return text;
}

}  // namespace deneb::emq
