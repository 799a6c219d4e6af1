"""The shipped rules against alert names as public rule files and monitoring systems really spell them."""

from datetime import UTC, datetime

import pytest

from bot.config.shipped import rules
from bot.domain.alert import Alert, AlertStatus, Direction, Drift, DriftKind
from bot.domain.routing import NO_RULE, Phase, choose_phase

RULES = rules()

NAMES = {
    Phase.INGESTION: """
        IngestionLate DataIngestionFailed DataIngestionLag SchemaBreak SchemaDriftDetected SchemaValidationFailed
        DataQualityIssues DataQualityFailure DataQualityCheckFailed HighNullRate OrdersDailyTableStale DataFreshness
        DataFreshnessSLABreach DatasetMissing UpstreamDataDelayed KafkaLagHigh ConsumerLag KafkaConsumerLag
        GreatExpectationsValidationFailed RowCountAnomaly AirbyteSyncFailed DataPipelineFailure SourceFileMissing
        data_ingestion_late ETLJobFailed
    """,
    Phase.FEATURES: """
        FeatureStoreStale FeatureStoreStaleData FeatureStoreHighLatency FeatureStoreHighNullRatio FeatureStaleData
        FeatureStoreMaterializationLag FeatureStoreDown FeatureStoreUnavailable FeatureStoreErrorsHigh FeatureStaleness
        FeatureMaterializationFailed FeatureNullRateHigh FeaturePipelineFailed FeatureFreshnessHigh FeatureLatencyHigh
        FeatureStoreHitRatioLow FeastServerDown StaleFeatures feature_store_freshness
    """,
    Phase.TRAINING: """
        TrainingRunFailed TrainingJobFailed ModelTrainingFailed TrainingStuck TrainingLossNaN PyTorchJobFailed
        HyperparameterSweepFailed ExperimentFailed PipelineFailed MLPipelineFailed AirflowDagFailed DAGFailureRate
        WorkflowFailed GradientExploded
    """,
    Phase.EVALUATION: """
        EvaluationGateFailed ModelValidationFailed BiasDetected ModelBiasHigh FairnessViolation DisparateImpactHigh
        ModelAccuracyLow LowModelAccuracy AccuracyBelowThreshold ModelF1BelowThreshold ModelAUCLow HighRMSE_RMSEHigh
        QualityGateFailed
    """,
    Phase.PACKAGING: """
        ImageBuildFailed ModelPackagingFailed ContainerBuildFailed ArtifactMissing ArtifactCorrupt ModelLoadFailed
        ModelLoadingFailures ONNXExportFailed ImagePullBackOff ModelConversionFailed
    """,
    Phase.DEPLOYMENT: """
        ModelErrorRateHigh HighErrorRate ModelPredictionLatencyHigh ModelInferenceLatencyHigh HighPredictionLatency
        HighLatency ModelLatencyP99High MergeP99High HighResponseTime ModelPredictionFailure ModelPredictionFailures
        ModelInferenceFailure ModelInferenceFailing ModelInferenceSlow ModelPredictionErrorSpike ModelServerDown
        ModelInferenceServiceDown MLflowServerDown ModelAPIDown ServingDown InferenceServiceNotReady
        KubePodCrashLooping KubePodNotReady KubeDeploymentRolloutStuck KubeDeploymentReplicasMismatch RolloutFailed
        DeploymentFailed CanaryDegraded GPUMemoryExhausted GPUUtilizationHigh GPUMemoryExceeded HighMemoryUsage
        HighCPUUsage LowPredictionVolume ModelLowThroughput InstanceDown TargetSaturation QueueDepthHigh ErrorBudgetBurn
        LowCacheHitRate AgentQueueBackup APIPredictionLatencyHigh
    """,
    Phase.MONITORING: """
        ExporterAbsent ExporterDown DatasourceNoData DatasourceError NoData Watchdog DeadMansSwitch MetricsAbsent
        PrometheusTargetMissing TargetDown ScrapeFailing MonitorSilent PrometheusDown AlertmanagerDown
        PrometheusRuleEvaluationFailures MonitoringDown
    """,
    Phase.RETRAINING: """
        ModelFeatureDrift ModelDriftDetected ModelDrift DataDrift DataDriftDetected FeatureDriftDetected HighFeatureDrift
        ModelDriftCritical SignificantModelDrift ModelPredictionDrift PredictionDistributionShift ConceptDrift FeaturePSIHigh
        HighPSI psi_above_threshold drift_psi PopulationStabilityIndexHigh TrainingServingSkew ModelAccuracyDrop
        ModelAccuracyDegraded ModelAccuracyDegradation ModelPredictionAccuracyDrop ModelPerformanceDegraded ModelDecay
        RetrainFailed ModelRetrainingFailed RetrainingOverdue Drift1000 WassersteinDistanceHigh ModelStale
    """,
    Phase.BUSINESS: """
        BusinessKPIDrop ConversionRateLow FraudLossHigh ChargebackRateHigh RevenuePerModelLow CTRDrop ApprovalRateAnomaly
        UserSatisfactionLow
    """,
}
CASES = [(name, phase) for phase, names in NAMES.items() for name in names.split()]


def alert(name: str, summary: str = "", **more: object) -> Alert:
    values = {"annotations": {"summary": summary} if summary else {}, **more}
    start = datetime(2026, 11, 23, tzinfo=UTC)
    return Alert("alertmanager", "http://am", "f", name, AlertStatus.FIRING, start, **values)  # type: ignore[arg-type]  # free keywords


@pytest.mark.parametrize(("name", "phase"), CASES, ids=[name for name, _ in CASES])
def test_a_real_name_goes_to_its_phase(name: str, phase: Phase) -> None:
    choice = choose_phase(alert(name), RULES)
    assert choice.phase is phase, choice
    assert choice.rule != NO_RULE


@pytest.mark.parametrize(
    "name",
    [
        "EpsilonTooLarge",
        "RoomTemperature",
        "ElectricityBill",
        "Capsize",
        "BloomFilterSize",
        "Test",
        "failedConnect",
        "thing_dead",
    ],
)
def test_what_only_looks_like_a_word_matches_nothing(name: str) -> None:
    assert choose_phase(alert(name), RULES).rule == NO_RULE


def test_the_name_of_an_alert_goes_before_anything_its_prose_mentions() -> None:
    prose = "Error ratio 7 %. Check drift, the feature store, ingestion, the last retrain that failed and the exporter being down."
    choice = choose_phase(alert("ModelErrorRateHigh", prose), RULES)
    assert choice.phase is Phase.DEPLOYMENT
    assert choice.why == '"ModelError" in ModelErrorRateHigh'


def test_the_prose_decides_where_the_name_says_nothing() -> None:
    choice = choose_phase(alert("Alert17", "p99 of scoring above 2 s"), RULES)
    assert choice.phase is Phase.DEPLOYMENT
    assert choice.why == '"p99" in its summary'


def test_a_monitors_own_fault_is_never_a_finding_about_the_model() -> None:
    choice = choose_phase(alert("ModelFeatureDrift", monitoring_fault=True), RULES)
    assert (choice.phase, choice.rule) == (Phase.MONITORING, "monitor-fault")


@pytest.mark.parametrize("kind", list(DriftKind))
def test_a_drift_verdict_needs_no_words(kind: DriftKind) -> None:
    verdict = Drift(kind, "psi", 0.3, 0.2, Direction.ABOVE)
    choice = choose_phase(alert("report 12", drift=verdict), RULES)
    assert (choice.phase, choice.why) == (Phase.RETRAINING, f"it carries a {kind.value} verdict")


def test_nothing_matched_is_said() -> None:
    choice = choose_phase(alert("Unheard"), RULES)
    assert (choice.phase, choice.rule, choice.why) == (Phase.MONITORING, NO_RULE, "no routing rule matched")


def test_every_shipped_rule_names_its_line() -> None:
    for rule in RULES:
        assert rule.origin.startswith("routing.yaml:")
        assert int(rule.origin.removeprefix("routing.yaml:")) > 1


def test_a_long_hostile_name_is_answered_at_once() -> None:
    for text in ("train" * 4_000, "a" * 20_000, "feature_" * 2_000, "retrain " * 2_000 + "x"):
        assert choose_phase(alert(text, text), RULES).phase in Phase
