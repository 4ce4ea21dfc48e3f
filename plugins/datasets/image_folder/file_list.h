#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deneb::image_folder {

/// DataError unless all folders are there; its text says what layout is expected.
void check_folders(const std::vector<std::string>& folders);

/// Names of the class folders in `folder`, sorted; DataError unless there are `expected` of them.
/// Names that begin with a dot do not count, here and among the images.
std::vector<std::string> list_classes(const std::string& folder, std::int64_t expected);

/// DataError unless the class folders in `folder` are those of the training part.
void check_classes(const std::string& folder, const std::vector<std::string>& expected);

/// The JPEG and PNG files (by name) of a folder's class folders: class by class, each sorted.
/// ImageNet has 1.28 million of them, so names lie back to back in one string: about 41 MB in all.
class FileList {
 public:
  FileList() = default;
  /// Lists the folders, reads no image. DataError for a class without images.
  FileList(std::string folder, std::vector<std::string> classes);

  std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t label(std::int64_t index) const { return labels_[static_cast<std::size_t>(index)]; }
  std::string path(std::int64_t index) const;

 private:
  void append(std::int32_t label);

  std::string folder_;
  std::vector<std::string> classes_;
  std::string names_;
  std::vector<std::size_t> ends_;  // of each name
  std::vector<std::int32_t> labels_;
};

}  // namespace deneb::image_folder
