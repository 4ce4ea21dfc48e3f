#include "page/frame.h"

#include <deneb/config.h>

#include "assets/assets.h"
#include "escape.h"

namespace deneb::reports {

// The policy forbids every fetch: what the page needs is in it.
std::string page_head(const std::string& title) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
         "form-action 'none'\">\n"
         "<meta name=\"generator\" content=\"Deneb " DENEB_VERSION
         "\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         html(title) + "</title>\n<style>" + kStyle +
         "</style>\n<noscript><style>.view[hidden]{display:block}</style></noscript>\n</head>\n"
         "<body>\n";
}

std::string page_end(const nlohmann::ordered_json& data) {
  return "<script type=\"application/json\" id=\"deneb-data\">" + script_json(data) +
         "</script>\n<script>\n" + script_source(kScript) + "</script>\n</body>\n</html>\n";
}

}  // namespace deneb::reports
