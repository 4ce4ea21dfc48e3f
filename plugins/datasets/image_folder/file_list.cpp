#include "file_list.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <utility>

#include <deneb/errors.h>

namespace deneb::image_folder {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLayout =
    "expected are images at <data_path>/train/<class>/ and <data_path>/val/<class>/ (options "
    "train_folder and test_folder rename the two)";

// Names in `folder` for which `wanted` holds, sorted.
std::vector<std::string> list(const std::string& folder,
                              const std::function<bool(const fs::directory_entry&)>& wanted) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name[0] != '.' && wanted(*entry)) names.push_back(std::move(name));
  }
  if (error) throw DataError(folder + ": cannot be listed (" + error.message() + ")");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> list_folders(const std::string& folder) {
  auto names = list(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_directory(ignored);
  });
  if (names.empty()) throw DataError(folder + ": no class folders in it; " + kLayout);
  return names;
}

bool has_image_name(const fs::directory_entry& entry) {
  std::string extension = entry.path().extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// Folders are ignored, whatever they are called. The listing says what a file is, without a system
// call for each of a million; links are followed.
bool is_image(const fs::directory_entry& entry) {
  std::error_code error;
  if (!has_image_name(entry) || entry.is_directory(error)) return false;
  if (entry.is_regular_file(error)) return true;
  throw DataError(entry.path().string() + ": " +
                  (entry.is_symlink(error) ? "is a link to no file" : "is no regular file") +
                  "; put an image there, or remove it");
}

// The first name of a that is not in b, or "".
std::string first_difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (const std::string& name : a) {
    if (!std::binary_search(b.begin(), b.end(), name)) return name;
  }
  return "";
}

}  // namespace

void check_folders(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    std::error_code ignored;
    if (fs::is_directory(folder, ignored)) continue;
    throw DataError(folder + ": no such folder; " + kLayout +
                    "; set data_path to the folder that has them. ImageNet is given out at "
                    "image-net.org, scripts/fetch_data.sh cannot get it");
  }
}

std::vector<std::string> list_classes(const std::string& folder, std::int64_t expected) {
  std::vector<std::string> names = list_folders(folder);
  if (static_cast<std::int64_t>(names.size()) != expected) {
    const std::string found = std::to_string(names.size());
    throw DataError(folder + ": " + found +
                    " class folders, expected num_classes = " + std::to_string(expected) +
                    "; set num_classes to " + found + ", or correct data_path");
  }
  return names;
}

void check_classes(const std::string& folder, const std::vector<std::string>& expected) {
  const std::vector<std::string> names = list_folders(folder);
  const std::string absent = first_difference(expected, names);
  if (!absent.empty()) {
    throw DataError(folder + "/" + absent +
                    ": no such folder; each class of the training part needs one here");
  }
  const std::string foreign = first_difference(names, expected);
  if (!foreign.empty()) {
    throw DataError(folder + "/" + foreign +
                    ": the training part has no class of this name; move the folder away");
  }
}

FileList::FileList(std::string folder, std::vector<std::string> classes)
    : folder_(std::move(folder)), classes_(std::move(classes)) {
  for (std::size_t label = 0; label < classes_.size(); ++label) {
    append(static_cast<std::int32_t>(label));
  }
  names_.shrink_to_fit();
  ends_.shrink_to_fit();
  labels_.shrink_to_fit();
}

void FileList::append(std::int32_t label) {
  const std::string folder = folder_ + "/" + classes_[static_cast<std::size_t>(label)];
  const std::vector<std::string> names = list(folder, is_image);
  if (names.empty()) {
    throw DataError(folder + ": no images in it; expected are .jpg, .jpeg or .png files");
  }
  for (const std::string& name : names) {
    names_ += name;
    ends_.push_back(names_.size());
    labels_.push_back(label);
  }
}

std::string FileList::path(std::int64_t index) const {
  const auto i = static_cast<std::size_t>(index);
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
  return folder_ + "/" + classes_[static_cast<std::size_t>(labels_[i])] + "/" +
         names_.substr(begin, ends_[i] - begin);
}

}  // namespace deneb::image_folder
