# cmake -DOUT=file.cpp -P embed.cmake
#
# Writes the style sheet and the script beside this file as strings of assets/assets.h. A raw string
# may not hold its own end, `)deneb"`, and neither does.
file(READ ${CMAKE_CURRENT_LIST_DIR}/report.css style)
file(READ ${CMAKE_CURRENT_LIST_DIR}/report.js script)
file(
  WRITE "${OUT}"
  "#include \"assets/assets.h\"

namespace deneb::reports {

const char* const kStyle = R\"deneb(${style})deneb\";

const char* const kScript = R\"deneb(${script})deneb\";

}  // namespace deneb::reports
")
