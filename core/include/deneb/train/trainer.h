#pragma once

#include <functional>
#include <string>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/network.h>
#include <deneb/train/fit.h>

namespace deneb {

/// What a section offers its trainer, known before anything runs.
struct TrainerSetting {
  bool validation = true;     ///< are there validation samples?
  bool start_weights = true;  ///< does the section name weights, so that a float network can teach?
  /// Shows the networks that fit() will get, as far as they are known, one after the other, with
  /// quantizers that are attached but have no format, and weights of undefined content. They are
  /// made by the call: only for checks that need them. May be empty.
  std::function<void(const std::function<void(Network&)>&)> for_each_network = {};
};

/// A way to train a network. `Trainer`, the gradient loop (train/training_loop.h), is the default
/// of pipelines. fit() may be called again, on other networks too, but by one thread at a time.
class DENEB_API Trainer {
 public:
  static constexpr const char* kKind = "trainer";
  virtual ~Trainer();
  /// Trains in place. Must be able to go on from FitRequest::checkpoint, if it writes one. Errors:
  /// RunError when the training fails, Interrupted when a stop was asked for, ConfigError for a
  /// checkpoint of another training, DataError for a damaged one.
  virtual FitResult fit(Network& network, const DataLoader& data,
                        const FitRequest& request) const = 0;
  /// Whether fit() changes the network at all; if not, it is measured as it starts. The default:
  /// yes.
  virtual bool trains() const;
  /// Whether fit() needs FitRequest::teacher. The default: no.
  virtual bool wants_teacher() const;
  /// Whether networks shall come with their batch norms folded (nn/fold_batch_norms.h), those of
  /// searches and the teacher too. Sections fold after the weights are loaded and before quantizers
  /// come in. The default: no.
  virtual bool wants_folded_batch_norms() const;
  /// ConfigError, text begins with `trainer.`, for options that ask for what the section does not
  /// have. The default accepts all.
  virtual void check(const TrainerSetting& setting) const;
  /// How much training that is, for the log: "3 epoch(s)". The default says nothing.
  virtual std::string extent() const;
};

}  // namespace deneb
