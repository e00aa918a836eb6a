# mlogit: multinomial and nested logit on a dfidx frame.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "protocol.R"))

run_peer(
  "mlogit",
  prepare = function(problem) {
    formula <- Formula::as.Formula(paste("chosen ~", paste(problem$names, collapse = " + "), "| 0"))
    list(problem = problem, formula = formula,
         data = dfidx::dfidx(problem$frame, idx = c("case", "alternative"), choice = "chosen"))
  },
  fit = function(made) {
    sizes <- made$problem$nests
    if (length(sizes) == 0) {
      model <- mlogit(made$formula, made$data)
      order <- made$problem$names
    } else {
      members <- split(as.character(seq_len(sum(sizes))), rep(seq_along(sizes), sizes))
      names(members) <- paste0("nest", seq_along(sizes))
      alone <- any(sizes == 1)
      model <- mlogit(made$formula, made$data, nests = members, un.nest.el = alone)
      order <- c(made$problem$names, if (alone) "iv" else paste0("iv:", names(members)))
    }
    list(model = model, order = order, covariance = vcov(model))
  },
  found = function(result) {
    list(llf = as.numeric(logLik(result$model)), estimates = coef(result$model)[result$order],
         errors = sqrt(diag(result$covariance))[result$order])
  }
)
