#pragma once

#include <string>
#include <vector>

/// `deneb` as a user runs it: the built program where it starts others, else its commands in a fork
/// of the test.
namespace cli_test {

struct Outcome {
  int exit_code = -1;  ///< 128 + signal when a signal ended it
  std::string out, err;
  double cpu_seconds = 0;
};

/// A fresh folder that is gone at the end of the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  /// Path of a new file in it.
  std::string file(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

struct Call {
  std::vector<std::string> arguments;
  std::string directory = ".";           ///< working directory
  std::vector<std::string> environment;  ///< NAME=value, beside the inherited ones
  std::string output;                    ///< file for standard output; "" = Outcome::out
  bool own_process = false;              ///< the built program whatever the command is
};

Outcome run(const Call& call);
/// In the current directory.
Outcome run(const std::vector<std::string>& arguments);
/// The same by the built program, whatever the command is.
Outcome own_process(const std::vector<std::string>& arguments);

/// A pipeline with one TrainPipeStep "train", ResNet-20 on CIFAR-10; `extra` stands in its section.
std::string train_pipeline(const std::string& extra = "");
/// A pipeline with a SearchPipeStep "nas" of the same network.
std::string search_pipeline();

/// `text` holds `part`; gtest prints both otherwise.
bool holds(const std::string& text, const std::string& part);
std::size_t count_lines(const std::string& text);

}  // namespace cli_test
