"""What Dagster is asked, in GraphQL. The tests hold every document to the schema of the release in `fixtures/`.

`__typename` is asked for wherever the answer may be one of several things: Dagster reports its own errors that way.
"""

_SAYS = """
fragment Says on Error {
  message
  ... on PythonError { causes { message } }
}
"""
_RUN = """
fragment RunParts on Run {
  runId jobName status creationTime startTime endTime runConfig
  repositoryOrigin { repositoryName repositoryLocationName }
}
"""
_LOCATION = """
fragment LocationParts on WorkspaceLocationEntry {
  permissions { permission value }
  locationOrLoadError {
    __typename
    ... on RepositoryLocation { repositories { name pipelines { name } } }
    ...Says
  }
}
"""

JOB = (
    """
query Job($job: PipelineSelector!, $location: String!) {
  workspaceLocationEntryOrError(name: $location) { __typename ...LocationParts ...Says }
  pipelineOrError(params: $job) {
    __typename
    ... on Pipeline { name schedules { name cronSchedule executionTimezone scheduleState { id status } } }
    ...Says
  }
  runConfigSchemaOrError(selector: $job) {
    __typename
    ... on RunConfigSchema {
      rootConfigType { key }
      allConfigTypes {
        __typename
        key
        ... on RegularConfigType { givenName }
        ... on EnumConfigType { values { value } }
        ... on NullableConfigType { typeParamKeys }
        ... on ScalarUnionConfigType { scalarTypeKey }
        ... on CompositeConfigType {
          isSelector
          fields { name description configTypeKey isRequired defaultValueAsJson }
        }
      }
    }
    ...Says
  }
}
"""
    + _LOCATION
    + _SAYS
)

LOCATIONS = (
    """
query Locations {
  workspaceOrError { __typename ... on Workspace { locationEntries { name } } ...Says }
}
"""
    + _SAYS
)

RUN = (
    """
query Run($run: ID!) {
  runOrError(runId: $run) {
    __typename
    ... on Run {
      ...RunParts
      hasTerminatePermission
      stepStats { stepKey status startTime endTime }
      executionPlan { steps { key inputs { dependsOn { key } } } }
    }
    ...Says
  }
}
"""
    + _RUN
    + _SAYS
)

RUNS = (
    """
query Runs($filter: RunsFilter!, $limit: Int!) {
  runsOrError(filter: $filter, limit: $limit) { __typename ... on Runs { results { ...RunParts } } ...Says }
}
"""
    + _RUN
    + _SAYS
)

EVENTS = """
query Events($run: ID!, $limit: Int!) {
  runOrError(runId: $run) {
    __typename
    ... on Run {
      eventConnection(limit: $limit) {
        events {
          __typename
          ... on ExecutionStepFailureEvent { stepKey error { message causes { message } } }
          ... on RunFailureEvent { message error { message causes { message } } }
        }
      }
    }
  }
}
"""

LAUNCH = (
    """
mutation Launch($run: ExecutionParams!) {
  launchRun(executionParams: $run) {
    __typename
    ... on LaunchRunSuccess { run { ...RunParts } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidStepError { invalidStepKey }
    ... on InvalidOutputError { stepKey }
    ...Says
  }
}
"""
    + _RUN
    + _SAYS
)

TERMINATE = (
    """
mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on TerminateRunFailure { message }
    ...Says
  }
}
"""
    + _SAYS
)

START_SCHEDULE = (
    """
mutation StartSchedule($schedule: ScheduleSelector!) {
  startSchedule(scheduleSelector: $schedule) { __typename ...Says }
}
"""
    + _SAYS
)

STOP_SCHEDULE = (
    """
mutation StopSchedule($schedule: String!) {
  stopRunningSchedule(id: $schedule) { __typename ...Says }
}
"""
    + _SAYS
)

ABOUT = (
    """
query About($location: String!) {
  version
  instance {
    runQueuingSupported
    daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime } }
  }
  workspaceLocationEntryOrError(name: $location) { __typename ...LocationParts ...Says }
}
"""
    + _LOCATION
    + _SAYS
)

ALL = (JOB, LOCATIONS, RUN, RUNS, EVENTS, LAUNCH, TERMINATE, START_SCHEDULE, STOP_SCHEDULE, ABOUT)
