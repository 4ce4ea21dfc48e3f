#include <functional>
#include <new>
#include <vector>

#include <deneb/data/data_path.h>
#include <deneb/data/dataset.h>
#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>

#include "crop.h"
#include "file_list.h"
#include "image_file.h"

namespace deneb::image_folder {
namespace {

struct RandomCropOptions {
  bool enabled = true;
  std::vector<double> scale = {0.08, 1};
  std::vector<double> ratio = {3.0 / 4, 4.0 / 3};
  template <class V>
  void visit(V& v) {
    v("enabled", enabled, "false = training sees the same crops as evaluation");
    v("scale", scale, "least and largest area of a crop, relative to the image", {1e-6, 1});
    v("ratio", ratio, "least and largest width of a crop, relative to its height", {0.01, 100});
  }
  void check(OptionErrors& errors) const {
    for (const auto& [key, pair] : {std::pair{"scale", &scale}, std::pair{"ratio", &ratio}}) {
      if (pair->size() != 2 || (*pair)[0] > (*pair)[1]) {
        errors.add(key, "expected two numbers, the smaller one first");
      }
    }
  }
};

struct ImageFolderOptions {
  std::string data_path;
  int num_classes = 1000;
  int image_size = 224;
  int resize = 256;
  RandomCropOptions random_resized_crop;
  std::vector<double> mean = {0.485, 0.456, 0.406};
  std::vector<double> deviation = {0.229, 0.224, 0.225};
  std::string train_folder = "train";
  std::string test_folder = "val";
  template <class V>
  void visit(V& v) {
    v.file("data_path", data_path, "",
           "folder with a folder per class in train and val; empty = $DENEB_DATA/imagenet or "
           "~/.cache/deneb/data/imagenet",
           /*must_exist=*/false);
    v("num_classes", num_classes, "class folders that must be there", {2, 1e6});
    v("image_size", image_size, "height and width that the network sees", {1, 4096});
    v("resize", resize,
      "evaluation scales the shorter side to this and takes the middle of the image", {1, 8192});
    v("random_resized_crop", random_resized_crop, "parts of the images that training sees");
    v("mean", mean, "of red, green and blue in 0 .. 1, for normalization", {0, 1});
    v("deviation", deviation, "likewise", {1e-6, 1000});
    v("train_folder", train_folder, "subfolder of the training part");
    v("test_folder", test_folder, "subfolder of the test part");
  }
  void check(OptionErrors& errors) const {
    if (resize < image_size) {
      errors.add("resize", std::to_string(resize) + " is less than image_size = " +
                               std::to_string(image_size) + "; take at least that");
    }
    for (const auto& [key, list] : {std::pair{"mean", &mean}, std::pair{"deviation", &deviation}}) {
      if (list->size() != 3) {
        errors.add(key, "has " + std::to_string(list->size()) +
                            " numbers, expected one for each of red, green and blue");
      }
    }
  }
};

class ImageFolder final : public Dataset {
 public:
  using Options = ImageFolderOptions;
  explicit ImageFolder(const Options& o)
      : options_(o), folder_(data_directory(o.data_path, "imagenet")) {
    const RandomCropOptions& random = o.random_resized_crop;
    range_ = {random.scale[0], random.scale[1], random.ratio[0], random.ratio[1]};
  }

  void check_files() const override { classes(); }

  void open() override {
    const std::vector<std::string> names = classes();
    train_ = FileList(train_folder(), names);
    test_ = FileList(test_folder(), names);
  }

  DatasetInfo info() const override {
    return {options_.num_classes,
            {3, options_.image_size, options_.image_size},
            options_.mean,
            options_.deviation};
  }

  std::int64_t size(DataPart part) const override { return of(part).size(); }

  Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const override {
    return load(of(part), indices, [this](std::size_t, ImageSize image) {
      return center_crop(image, options_.resize, options_.image_size);
    });
  }

  Batch gather_training(const std::vector<std::int64_t>& indices,
                        const std::vector<std::uint64_t>& seeds) const override {
    if (!options_.random_resized_crop.enabled) return gather(DataPart::kTrain, indices);
    return load(train_, indices, [this, &seeds](std::size_t row, ImageSize image) {
      return random_crop(image, range_, options_.image_size, seeds[row]);
    });
  }

 private:
  std::string train_folder() const { return folder_ + "/" + options_.train_folder; }
  std::string test_folder() const { return folder_ + "/" + options_.test_folder; }

  std::vector<std::string> classes() const {
    check_folders({train_folder(), test_folder()});
    std::vector<std::string> names = list_classes(train_folder(), options_.num_classes);
    check_classes(test_folder(), names);
    return names;
  }

  const FileList& of(DataPart part) const { return part == DataPart::kTrain ? train_ : test_; }

  // `crop_of` chooses the crop of a row of the batch when the size of its image is known.
  Batch load(const FileList& files, const std::vector<std::int64_t>& indices,
             const std::function<Crop(std::size_t row, ImageSize image)>& crop_of) const {
    const auto n = static_cast<std::int64_t>(indices.size());
    const std::int64_t side = options_.image_size;
    auto input = torch::empty({n, 3, side, side}, torch::kUInt8);
    auto target = torch::empty({n}, torch::kInt64);
    for (std::size_t row = 0; row < indices.size(); ++row) {
      const std::string path = files.path(indices[row]);
      try {
        const Image image = decode_image(path, read_file(path));
        input[std::int64_t(row)].copy_(take(image, crop_of(row, image.size), side));
      } catch (const std::bad_alloc&) {
        throw DataError(path + ": is too large for the memory that is left; scale it down");
      }
      target.data_ptr<std::int64_t>()[row] = files.label(indices[row]);
    }
    Batch batch;
    batch["input"] = input;
    batch["target"] = target;
    return batch;
  }

  ImageFolderOptions options_;
  std::string folder_;
  CropRange range_;
  FileList train_, test_;
};

void register_all(Registrar& r) {
  r.add<Dataset, ImageFolder>("ImageFolder", "ImageNet, or other images in a folder per class");
}

}  // namespace
}  // namespace deneb::image_folder

DENEB_PLUGIN("image_folder", "0.1.0", "JPEG and PNG images in a folder per class",
             deneb::image_folder::register_all);
