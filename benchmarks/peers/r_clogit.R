# survival: clogit, a stratum a case. It has no nested logit.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "protocol.R"))

run_peer(
  "survival",
  prepare = function(problem) {
    terms <- paste(c(problem$names, "strata(case)"), collapse = " + ")
    list(formula = as.formula(paste("chosen ~", terms)), frame = problem$frame)
  },
  fit = function(made) {
    model <- clogit(made$formula, data = made$frame, method = "breslow")
    list(model = model, covariance = vcov(model))
  },
  found = function(result) {
    list(llf = result$model$loglik[2], estimates = coef(result$model), errors = sqrt(diag(result$covariance)))
  }
)
