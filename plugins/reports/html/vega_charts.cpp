#include "vega_charts.h"

#include <algorithm>

#include "text.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;
using Kind = ScatterPoint::Kind;

// The page's fonts. Vega measures texts on a canvas, which does not know "inherit".
constexpr const char* kFont =
    "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Liberation Sans, sans-serif";

/// What all charts share. `$schema` names the language's version and is never fetched.
ordered_json base(const std::string& title) {
  return {{"$schema", "https://vega.github.io/schema/vega-lite/v6.json"},
          {"description", title},
          {"background", nullptr},
          {"config",
           {{"font", kFont},
            {"view", {{"stroke", nullptr}}},
            {"axis",
             {{"labelColor", "var(--soft)"},
              {"titleColor", "var(--ink)"},
              {"gridColor", "var(--line)"},
              {"domainColor", "var(--soft)"},
              {"tickColor", "var(--line)"},
              {"labelFontSize", 12},
              {"titleFontSize", 13},
              {"titleFontWeight", 600}}},
            {"legend", {{"labelColor", "var(--ink)"}, {"labelFontSize", 12}}}}}};
}

ordered_json axis(const char* field, const Axis& a, bool whole_numbers) {
  ordered_json scale = {{"domain", {a.low, a.high}}, {"nice", false}};
  if (a.logarithmic) {
    scale["type"] = "log";
  } else {
    scale["zero"] = false;
  }
  ordered_json out = {
      {"field", field}, {"type", "quantitative"}, {"title", a.label}, {"scale", scale}};
  ordered_json style = {{"tickCount", 7}};
  if (whole_numbers) {
    style["tickMinStep"] = 1;
    style["format"] = "d";
  } else if (a.high >= 10000) {
    style["format"] = "~s";
  }
  if (a.logarithmic) {
    style["values"] = ordered_json::array();
    for (const auto& tick : ticks(a, 7)) style["values"].push_back(tick.first);
    style["tickCount"] = style["values"].size();  // fewer would leave out every other one
  }
  out["axis"] = style;
  return out;
}

/// Facts of a layer for tooltips.
std::string layer_text(const LayerFacts& layer) { return layer.name + (layer.pinned ? " ◆" : ""); }

ordered_json layer_axis(const std::vector<LayerFacts>& layers, bool labels) {
  auto order = ordered_json::array();
  for (const LayerFacts& layer : layers) order.push_back(layer_text(layer));
  ordered_json out = {{"field", "layer"}, {"type", "nominal"}, {"sort", order}, {"title", nullptr}};
  if (labels) {
    out["axis"] = {{"labelAngle", -55},
                   {"labelLimit", 260},
                   {"labelOverlap", false},
                   {"ticks", false},
                   {"domain", false}};
  } else {
    out["axis"] = nullptr;
  }
  return out;
}

/// Ordinal scale from the width classes that occur to variables of the style sheet.
ordered_json width_scale(const ordered_json& values, const char* prefix) {
  std::vector<std::string> classes;
  for (const auto& value : values) {
    const std::string name = value["class"].get<std::string>();
    if (std::find(classes.begin(), classes.end(), name) == classes.end()) classes.push_back(name);
  }
  auto range = ordered_json::array();
  for (const std::string& name : classes) {
    range.push_back("var(--" + std::string(prefix) + name + ")");
  }
  return {{"domain", classes}, {"range", range}};
}

ordered_json bit_value(const LayerFacts& layer, const BitRow& row, const LayerBits& bits,
                       bool weights) {
  const int width = weights ? bits.weight_bits : bits.activation_bits;
  return {{"layer", layer_text(layer)},
          {"member", row.label},
          {"bits", width},
          {"class", width_class(width)},
          {"text", width_text(weights ? bits.weight : bits.activation, width)},
          {"weights", bits.weight},
          {"activations", bits.activation},
          {"MACs", si_text(layer.macs)}};
}

ordered_json bit_tooltip() {
  auto fields = ordered_json::array();
  for (const char* name : {"layer", "weights", "activations", "MACs"}) {
    fields.push_back({{"field", name}, {"type", "nominal"}});
  }
  return fields;
}

ordered_json matrix_panel(const BitChart& chart, bool weights) {
  auto values = ordered_json::array();
  auto members = ordered_json::array();
  for (const BitRow& row : chart.rows) {
    members.push_back(row.label);
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
      values.push_back(bit_value(chart.layers[i], row, row.layers[i], weights));
    }
  }
  const ordered_json x = layer_axis(chart.layers, !weights);
  const ordered_json y = {{"field", "member"},
                          {"type", "nominal"},
                          {"sort", members},
                          {"title", nullptr},
                          {"axis",
                           {{"labelLimit", 400},
                            {"minExtent", label_width(chart)},
                            {"ticks", false},
                            {"domain", false},
                            {"labelOverlap", false}}}};
  return {
      {"title",
       {{"text", weights ? "Weights" : "Activations"},
        {"anchor", "start"},
        {"color", "var(--ink)"}}},
      {"width", {{"step", cell_width(chart.layers.size())}}},
      {"height", {{"step", 22}}},
      {"data", {{"values", values}}},
      {"encoding", {{"x", x}, {"y", y}}},
      {"resolve", {{"scale", {{"color", "independent"}}}}},
      {"layer",
       {{{"mark",
          {{"type", "rect"}, {"cornerRadius", 2}, {"stroke", "var(--page)"}, {"strokeWidth", 1}}},
         {"encoding",
          {{"color",
            {{"field", "class"},
             {"type", "nominal"},
             {"legend", nullptr},
             {"scale", width_scale(values, "bit")}}},
           {"tooltip", bit_tooltip()}}}},
        {{"mark", {{"type", "text"}, {"fontSize", 11}, {"tooltip", nullptr}}},
         {"encoding",
          {{"text", {{"field", "text"}, {"type", "nominal"}}},
           {"color",
            {{"field", "class"},
             {"type", "nominal"},
             {"legend", nullptr},
             {"scale", width_scale(values, "on-bit")}}}}}}}}};
}

/// A lane of bars: `field` upward, `text` above.
ordered_json bar_lane(const BitChart& chart, const ordered_json& values, const char* title,
                      double most, double height, bool names) {
  return {{"width", {{"step", cell_width(chart.layers.size())}}},
          {"height", height},
          {"data", {{"values", values}}},
          {"encoding",
           {{"x", layer_axis(chart.layers, names)},
            {"y",
             {{"field", "value"},
              {"type", "quantitative"},
              {"title", title},
              {"scale", {{"domain", {0, most * 1.15}}, {"nice", false}}},
              {"axis",
               {{"grid", false},
                {"labels", false},
                {"ticks", false},
                {"domain", false},
                {"titleAngle", 0},
                {"titleAlign", "left"},
                {"titleX", -kLaneNames},
                {"minExtent", kLaneNames},
                {"maxExtent", kLaneNames}}}}}}},
          {"layer",
           {{{"mark", {{"type", "bar"}, {"cornerRadiusEnd", 2}}},
             {"encoding",
              {{"color",
                {{"field", "class"},
                 {"type", "nominal"},
                 {"legend", nullptr},
                 {"scale", width_scale(values, "bit")}}},
               {"tooltip", bit_tooltip()}}}},
            {{"mark",
              {{"type", "text"},
               {"dy", -7},
               {"fontSize", 11},
               {"color", "var(--soft)"},
               {"tooltip", nullptr}}},
             {"encoding", {{"text", {{"field", "text"}, {"type", "nominal"}}}}}}}}};
}

ordered_json scatter_encoding(const Scatter& chart) {
  return {{"x", axis("x", chart.x, chart.x.metric.empty())}, {"y", axis("y", chart.y, false)}};
}

ordered_json front_layer(const Scatter& chart) {
  auto line = ordered_json::array();
  for (const auto& [x, y] : chart.front) line.push_back({{"x", x}, {"y", y}});
  return {{"data", {{"values", line}}},
          {"mark",
           {{"type", "line"},
            {"strokeWidth", 1.5},
            {"interpolate", chart.x.minimize ? "step-after" : "step-before"},
            {"color", "var(--front)"},
            {"opacity", 0.6},
            {"tooltip", nullptr}}},
          {"encoding", scatter_encoding(chart)}};
}

/// The marks of one kind. A layer each: their forms differ in more than a scale can say.
ordered_json point_layer(const Scatter& chart, const ordered_json& values, Kind kind) {
  ordered_json mark = {{"type", "point"}, {"filled", true}, {"opacity", 0.95}};
  const auto style = [&](const char* shape, int size, const char* color) {
    mark.update({{"shape", shape}, {"size", size}, {"color", color}});
  };
  switch (kind) {
    case Kind::kTrial:
      style("circle", 50, "var(--trial)");
      break;
    case Kind::kBaseline:
      style("square", 100, "var(--baseline)");
      break;
    case Kind::kFront:
      style("circle", 105, "var(--front)");
      break;
    case Kind::kFailed:
      style("M-1-1L1 1M-1 1L1-1", 75, "var(--failed)");
      mark.update({{"filled", false}, {"strokeWidth", 2.2}});
      break;
  }
  ordered_json encoding = scatter_encoding(chart);
  encoding["tooltip"] = {{"field", "about"}, {"type", "nominal"}};
  auto own = ordered_json::array();
  for (const auto& value : values) {
    if (value["kind"] == static_cast<int>(kind)) own.push_back(value);
  }
  return {{"data", {{"values", own}}}, {"mark", mark}, {"encoding", encoding}};
}

ordered_json label_layer(const Scatter& chart, const ordered_json& values) {
  ordered_json encoding = scatter_encoding(chart);
  encoding["text"] = {{"field", "label"}, {"type", "nominal"}};
  auto labeled = ordered_json::array();
  for (const auto& value : values) {
    if (!value["label"].get<std::string>().empty()) labeled.push_back(value);
  }
  return {{"data", {{"values", labeled}}},
          {"mark",
           {{"type", "text"},
            {"align", "left"},
            {"dx", 8},
            {"dy", -7},
            {"fontSize", 11},
            {"color", "var(--soft)"},
            {"tooltip", nullptr}}},
          {"encoding", encoding}};
}

/// The x axis of curves: numbers, or names of places.
ordered_json curve_axis(const CurveChart& chart) {
  if (chart.places.empty()) return axis("x", chart.x, chart.whole);
  ordered_json out = layer_axis(chart.places, true);
  out["title"] = chart.x.label;
  out["axis"]["grid"] = true;
  return out;
}

ordered_json curve_values(const CurveChart& chart) {
  auto values = ordered_json::array();
  for (const Curve& curve : chart.curves) {
    for (const auto& point : curve.points) {
      values.push_back({{"x", point.first},
                        {"y", point.second},
                        {"series", curve.label},
                        {"kind", curve.baseline ? "baseline" : "model"},
                        {"about", point_tip(chart, curve, point)}});
      if (chart.places.empty()) continue;
      values.back()["layer"] = layer_text(chart.places[static_cast<std::size_t>(point.first)]);
    }
  }
  return values;
}

}  // namespace

ordered_json vega_scatter(const Scatter& chart) {
  auto values = ordered_json::array();
  for (const ScatterPoint& point : chart.points) {
    values.push_back({{"x", point.x},
                      {"y", point.y},
                      {"kind", static_cast<int>(point.kind)},
                      {"label", point.label},
                      {"about", point.tooltip}});
  }
  ordered_json spec = base(chart.title);
  spec["width"] = "container";
  spec["height"] = 360;
  spec["layer"] = ordered_json::array();
  if (chart.front.size() > 1) spec["layer"].push_back(front_layer(chart));
  for (const Kind kind : {Kind::kTrial, Kind::kFailed, Kind::kBaseline, Kind::kFront}) {
    spec["layer"].push_back(point_layer(chart, values, kind));
  }
  spec["layer"].push_back(label_layer(chart, values));
  return spec;
}

ordered_json vega_curves(const CurveChart& chart) {
  auto names = ordered_json::array(), colors = ordered_json::array();
  for (std::size_t i = 0; i < chart.curves.size(); ++i) {
    names.push_back(chart.curves[i].label);
    colors.push_back("var(--c" + std::to_string(i % 8) + ")");
  }
  ordered_json spec = base(chart.title);
  spec["width"] = "container";
  if (!chart.places.empty()) spec["width"] = {{"step", place_width(chart.places.size())}};
  spec["height"] = chart.wide ? 330 : 270;
  spec["data"] = {{"values", curve_values(chart)}};
  spec["mark"] = {{"type", "line"}, {"strokeWidth", 1.8}, {"point", {{"size", 22}}}};
  spec["encoding"] = {
      {"x", curve_axis(chart)},
      {"y", axis("y", chart.y, false)},
      {"color",
       {{"field", "series"},
        {"type", "nominal"},
        {"legend", nullptr},
        {"scale", {{"domain", names}, {"range", colors}}}}},
      {"strokeDash",
       {{"field", "kind"},
        {"type", "nominal"},
        {"legend", nullptr},
        {"scale", {{"domain", {"model", "baseline"}}, {"range", {{1, 0}, {6, 4}}}}}}},
      {"tooltip", {{"field", "about"}, {"type", "nominal"}}}};
  return spec;
}

ordered_json vega_bit_matrix(const BitChart& chart) {
  ordered_json spec = base(chart.title);
  spec["spacing"] = 14;
  spec["resolve"] = {{"scale", {{"color", "independent"}}}};
  spec["vconcat"] = {matrix_panel(chart, true), matrix_panel(chart, false)};
  return spec;
}

ordered_json vega_bit_bars(const BitChart& chart) {
  const BitRow& row = chart.rows.front();
  auto weights = ordered_json::array(), activations = weights, macs = weights;
  double all_macs = 0, most_macs = 0;
  int most_bits = 8;
  for (std::size_t i = 0; i < chart.layers.size(); ++i) {
    all_macs += chart.layers[i].macs;
    most_macs = std::max(most_macs, chart.layers[i].macs);
    for (const int bits : {row.layers[i].weight_bits, row.layers[i].activation_bits}) {
      if (bits < 32) most_bits = std::max(most_bits, bits);
    }
  }
  for (std::size_t i = 0; i < chart.layers.size(); ++i) {
    const LayerBits& bits = row.layers[i];
    for (const bool on_weights : {true, false}) {
      ordered_json value = bit_value(chart.layers[i], row, bits, on_weights);
      value["value"] = std::min(value["bits"].get<int>(), most_bits);
      (on_weights ? weights : activations).push_back(value);
    }
    const double share = all_macs > 0 ? 100 * chart.layers[i].macs / all_macs : 0;
    ordered_json value = bit_value(chart.layers[i], row, bits, true);
    value["value"] = chart.layers[i].macs;
    value["class"] = "share";
    value["text"] = fixed_text(share, share < 9.95 ? 1 : 0);
    macs.push_back(value);
  }
  ordered_json spec = base(chart.title);
  spec["spacing"] = 10;
  spec["resolve"] = {{"scale", {{"color", "independent"}}}};
  const bool costs = all_macs > 0;
  spec["vconcat"] = {bar_lane(chart, weights, "Weight bits", most_bits, 95, false),
                     bar_lane(chart, activations, "Activation bits", most_bits, 95, !costs)};
  if (costs) {
    spec["vconcat"].push_back(bar_lane(chart, macs, "MACs, % of all", most_macs, 60, true));
  }
  return spec;
}

}  // namespace deneb::reports
