#include "fuzz.h"
#include "plugins/datasets/text_table/table_file.h"

// The first character chooses the layout, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  using namespace deneb::text_table;
  if (size == 0) return -1;
  static const fuzz::InputFile file("table");
  file.write(fuzz::bytes_of(data + 1, size - 1));
  TableLayout layout;
  layout.format = static_cast<TableFormat>(data[0] % 3);
  const bool is_lines = layout.format == TableFormat::kJsonLines;
  layout.quoted = !is_lines && (data[0] & 4) != 0;
  if (!is_lines && (data[0] & 8) != 0) layout.columns = {"label", "text"};
  fuzz::read_or_refuse<DataError>(file.path() + ":", [&] {
    std::int64_t last = 0;
    read_table(file.path(), layout, {"text", "label"},
               [&](std::int64_t line, const std::vector<std::string>& fields) {
                 fuzz::require(line > last, "rows come in their order");
                 fuzz::require(fields.size() == 2, "a row has the columns that were asked for");
                 last = line;
               });
  });
  return 0;
}
