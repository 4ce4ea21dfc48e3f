#include <deneb/train/trainer.h>

namespace deneb {

Trainer::~Trainer() = default;
bool Trainer::trains() const { return true; }
bool Trainer::wants_teacher() const { return false; }
bool Trainer::wants_folded_batch_norms() const { return false; }
void Trainer::check(const TrainerSetting&) const {}
std::string Trainer::extent() const { return ""; }

}  // namespace deneb
